import warnings

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from staanet.audio.front_ends import Deltas, Mfcc
from staanet.core.errors import StaanetError


def voiced(size, sr, seed=0):
    """A harmonic tone that fades, with weak noise."""
    time = np.arange(size) / sr
    tone = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 20))
    noise = np.random.default_rng(seed).standard_normal(size)
    return (np.exp(-3 * time) * (0.2 * tone + 0.01 * noise)).astype(np.float32)


@given(
    sr=st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]),
    n_mfcc=st.integers(1, 40),
    dct_type=st.sampled_from([1, 2, 3]),
    norm=st.sampled_from(["ortho", None]),
    lifter=st.sampled_from([0, 22, 13.5]),
    mel=st.sampled_from(
        [{}, {"n_mels": 40}, {"n_fft": 512, "hop_length": 160, "htk": True, "fmax": 4000, "n_mels": 64}, {"power": 1.0}]
    ),
)
@settings(max_examples=15, deadline=None)
def test_the_cepstrum_is_librosas(sr, n_mfcc, dct_type, norm, lifter, mel):
    clip = voiced(sr // 4, sr)
    cepstrum = {"sr": sr, "n_mfcc": n_mfcc, "dct_type": dct_type, "norm": norm, "lifter": lifter, **mel}
    with warnings.catch_warnings(action="ignore"):
        theirs = librosa.feature.mfcc(y=clip, **cepstrum)
    ours = Mfcc(**cepstrum)(torch.from_numpy(clip)[None])[0].numpy()
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-4 + 1e-6 * np.abs(theirs).max()  # single precision has 1e-7


def test_the_defaults_are_librosas():
    clip = voiced(22_050, 22_050)
    ours = Mfcc()(torch.from_numpy(clip)[None])[0].numpy()
    assert ours == pytest.approx(librosa.feature.mfcc(y=clip), abs=2e-4)
    exact = librosa.feature.mfcc(y=clip.astype(np.float64))
    assert ours == pytest.approx(exact, abs=1e-4)  # librosa's own rounding has a share in the difference above
    assert Mfcc().frames(22_050) == ours.shape[1]


@given(width=st.sampled_from([3, 5, 9, 11]), order=st.integers(1, 2), frames=st.integers(1, 30))
@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("mode", ["interp", "nearest"])
def test_deltas_are_librosas(width, order, frames, mode):
    frames = frames + width if mode == "interp" else frames
    features = 30 * np.random.default_rng(0).standard_normal((13, frames)).astype(np.float32)
    theirs = librosa.feature.delta(features, width=width, order=order, mode=mode)
    ours = Deltas(width=width, order=order, mode=mode)(torch.from_numpy(features)[None])[0].numpy()
    assert ours == pytest.approx(theirs, abs=1e-4, rel=1e-5)


@pytest.mark.parametrize(
    ("front_end", "changed", "message"),
    [
        (Mfcc, {"n_mfcc": 129}, r"1\.\.128 coefficients"),
        (Mfcc, {"dct_type": 4}, "dct_type among 1, 2, 3"),
        (Mfcc, {"norm": "slaney"}, "norm among ortho, None"),
        (Mfcc, {"lifter": -1}, "lifter of 0 or more"),
        (Deltas, {"width": 4}, "odd width of 3 or more"),
        (Deltas, {"width": 3, "order": 3}, "above order"),
        (Deltas, {"order": 0}, "order of 1 or more"),
        (Deltas, {"mode": "wrap"}, "mode among interp, nearest"),
    ],
)
def test_invalid_settings_raise(front_end, changed, message):
    with pytest.raises(StaanetError, match=message):
        front_end(**changed)


def test_too_few_frames_for_deltas_raise():
    with pytest.raises(StaanetError, match="9 frames or more, got 8; use a smaller width, mode='nearest'"):
        Deltas()(torch.zeros(1, 13, 8))
