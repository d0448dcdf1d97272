import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from staanet.audio.front_ends import Rms, ZeroCrossingRate
from staanet.core.errors import StaanetError

FRAMES = {
    "size": st.integers(1, 3000),
    "frame_length": st.integers(2, 700),
    "hop_length": st.integers(1, 300),
    "center": st.booleans(),
}


def clip_of(size, frame_length, center):
    clip = np.random.default_rng(size).standard_normal(size if center else size + frame_length).astype(np.float32)
    clip[np.abs(clip) < 0.3] = 0  # zero counts as positive
    return 0.1 * clip


@given(**FRAMES, pad_mode=st.sampled_from(["constant", "reflect", "edge"]))
@settings(max_examples=25, deadline=None)
def test_the_root_mean_square_is_librosas(size, frame_length, hop_length, center, pad_mode):
    clip = clip_of(size, frame_length, center)
    frames = {"frame_length": frame_length, "hop_length": hop_length, "center": center, "pad_mode": pad_mode}
    theirs = librosa.feature.rms(y=clip, **frames)
    assert Rms(**frames)(torch.from_numpy(clip)[None])[0].numpy() == pytest.approx(theirs, abs=1e-5)


@given(**FRAMES)
@settings(max_examples=25, deadline=None)
def test_the_zero_crossing_rate_is_librosas(size, frame_length, hop_length, center):
    clip = clip_of(size, frame_length, center)
    frames = {"frame_length": frame_length, "hop_length": hop_length, "center": center}
    theirs = librosa.feature.zero_crossing_rate(clip, **frames)
    assert ZeroCrossingRate(**frames)(torch.from_numpy(clip)[None])[0].numpy() == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("front_end", [Rms, ZeroCrossingRate])
@pytest.mark.parametrize(("changed", "message"), [({"frame_length": 1}, "of 2 or more"), ({"hop_length": 0}, "of 1")])
def test_invalid_settings_raise(front_end, changed, message):
    with pytest.raises(StaanetError, match=message):
        front_end(**changed)
    with pytest.raises(StaanetError, match=r"clips of 2048 samples \(frame_length\) or more"):
        front_end(center=False)(torch.zeros(1, 100))
