import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from staanet.audio.front_ends import AmplitudeToDb, PowerToDb
from staanet.core.errors import StaanetError

FUNCTIONS = {"max": np.max, "min": np.min, "mean": np.mean, "median": np.median}


@given(
    ref=st.sampled_from([1.0, 20.0, 1e-12, -2.0, *FUNCTIONS]),
    amin=st.sampled_from([1e-10, 1e-5, 1.0]),
    top_db=st.none() | st.floats(0, 120),
    level=st.floats(-7, 5),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize(
    ("ours", "theirs"), [(PowerToDb, librosa.power_to_db), (AmplitudeToDb, librosa.amplitude_to_db)]
)
def test_decibels_are_librosas(ours, theirs, ref, amin, top_db, level, shape):
    values = (10 ** (level + 2 * np.random.default_rng(0).standard_normal(shape))).astype(np.float32)
    values[0, 0] = 0
    expected = theirs(values.astype(np.float64), ref=FUNCTIONS.get(ref, ref), amin=amin, top_db=top_db)
    decibels = ours(ref=ref, amin=amin, top_db=top_db)(torch.from_numpy(values)[None])[0].numpy()
    assert decibels == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("ref", [1.0, *FUNCTIONS])
def test_each_clip_has_its_own_reference_and_range(ref):
    quiet, loud = torch.rand(1, 4, 5) * 1e-6, torch.rand(1, 4, 5)
    both = PowerToDb(ref=ref, top_db=10)(torch.cat([quiet, loud]))
    assert torch.equal(both, torch.cat([PowerToDb(ref=ref, top_db=10)(clip) for clip in (quiet, loud)]))


@pytest.mark.parametrize("module", [PowerToDb, AmplitudeToDb])
@pytest.mark.parametrize("ref", [1.0, *FUNCTIONS])
def test_silence_has_a_finite_gradient(module, ref):
    silence = torch.zeros(2, 3, 4, requires_grad=True)
    decibels = module(ref=ref)(silence)
    assert torch.equal(decibels, torch.full((2, 3, 4), -100.0 if ref == 1.0 else 0.0))
    decibels.sum().backward()
    assert torch.isfinite(silence.grad).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ref": np.max}, "write ref='max' for ref=np.max"),
        ({"ref": "loudest"}, "ref among max, min, mean, median, got 'loudest'"),
        ({"amin": 0}, "amin above 0"),
        ({"top_db": -1}, "top_db of 0 or more"),
    ],
)
def test_invalid_settings_raise(changed, message):
    with pytest.raises(StaanetError, match=message):
        PowerToDb(**changed)
