import warnings

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from staanet.audio.front_ends import MelSpectrogram, Spectrogram
from staanet.audio.front_ends.spectra import PAD_MODES, padded
from staanet.core.errors import StaanetError

RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def noise(size, level=0.1, seed=0):
    return (level * np.random.default_rng(seed).standard_normal(size)).astype(np.float32)


def assert_equal(ours, theirs, tolerance=1e-4):
    """Compare with librosa's numbers, relative to the largest one."""
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= tolerance * max(np.abs(theirs).max(), 1e-12)


def by_librosa(function, clip, stft, **others):
    """Call a function of librosa, without its warnings.

    Where frames are far apart, librosa mirrors a last piece of the clip that is shorter than the padding and so differs
    from `numpy.pad`; there, the clip is padded before.
    """
    n_fft, hop_length = stft["n_fft"], stft["hop_length"]
    if stft["center"] and hop_length is not None and hop_length > n_fft // 2:
        clip, stft = np.pad(clip, n_fft // 2, mode=stft["pad_mode"]), {**stft, "center": False}
    with warnings.catch_warnings(action="ignore"):
        return function(y=clip, **stft, **others)


@st.composite
def stft_settings(draw):
    n_fft = draw(st.integers(2, 600))
    return {
        "n_fft": n_fft,
        "hop_length": draw(st.none() | st.integers(1, 300)) if n_fft >= 4 else 1,
        "win_length": draw(st.none() | st.integers(min(4, n_fft), n_fft)),
        "window": draw(st.sampled_from(["hann", "hamming", "boxcar", ("kaiser", 4.0)])),
        "center": draw(st.booleans()),
        "pad_mode": draw(st.sampled_from(PAD_MODES)),
    }


@given(stft=stft_settings(), size=st.integers(1, 3000), power=st.sampled_from([1.0, 2.0, 0.5, 1.7]))
@settings(max_examples=25, deadline=None)
def test_the_spectrogram_is_librosas(stft, size, power):
    clip = noise(size if stft["center"] else size + stft["n_fft"])
    theirs = np.abs(by_librosa(librosa.stft, clip, stft)) ** power
    front_end = Spectrogram(**stft, power=power)
    ours = front_end(torch.from_numpy(clip)[None])[0].numpy()
    assert front_end.frames(len(clip)) == theirs.shape[1]
    assert_equal(ours, theirs)


@given(
    sr=st.sampled_from(RATES),
    stft=stft_settings(),
    n_mels=st.integers(1, 80),
    limits=st.sampled_from([(0.0, None), (50.0, 3800.0), (300.0, 4000.0)]),
    htk=st.booleans(),
    norm=st.sampled_from(["slaney", None, 1, 2, np.inf]),
)
@settings(max_examples=25, deadline=None)
def test_the_mel_spectrogram_is_librosas(sr, stft, n_mels, limits, htk, norm):
    clip = noise(2000)
    mel = {"n_mels": n_mels, "fmin": limits[0], "fmax": limits[1], "htk": htk, "norm": norm}
    stft["hop_length"] = stft["hop_length"] or 100
    theirs = by_librosa(librosa.feature.melspectrogram, clip, stft, sr=sr, **mel)
    ours = MelSpectrogram(sr=sr, **stft, **mel)(torch.from_numpy(clip)[None])[0].numpy()
    assert_equal(ours, theirs)


@pytest.mark.parametrize("sr", RATES)
def test_the_defaults_are_librosas(sr):
    clip = noise(sr)
    with warnings.catch_warnings(action="ignore"):
        theirs = librosa.feature.melspectrogram(y=clip, sr=sr)
    assert_equal(MelSpectrogram(sr=sr)(torch.from_numpy(clip)[None])[0].numpy(), theirs)
    assert_equal(
        MelSpectrogram()(torch.from_numpy(clip)[None])[0].numpy(), librosa.feature.melspectrogram(y=clip, sr=22_050)
    )


@pytest.mark.parametrize("mode", PAD_MODES)
@pytest.mark.parametrize(("length", "size"), [(1, 3), (2, 5), (5, 4), (5, 5), (3, 20)])
def test_padding_is_numpys(mode, length, size):
    clip = noise(length)
    assert np.array_equal(padded(torch.from_numpy(clip)[None], size, mode)[0].numpy(), np.pad(clip, size, mode=mode))


def test_the_gradient_is_the_numerical_one():
    clip = torch.from_numpy(noise(200)).double()[None].requires_grad_()
    front_end = MelSpectrogram(sr=8000, n_fft=64, hop_length=32, n_mels=8, pad_mode="reflect", power=1.5).double()
    assert torch.autograd.gradcheck(front_end, clip)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_fft": 0}, "n_fft of 1 or more, got 0"),
        ({"hop_length": 0}, "hop_length of 1 or more"),
        ({"win_length": 5000}, r"win_length of at most n_fft \(2048\), got 5000"),
        ({"pad_mode": "wrap"}, "pad_mode among constant, reflect, edge, symmetric, got 'wrap'"),
        ({"window": "hanning!"}, "window of scipy.signal.get_window"),
        ({"power": 0}, "power above 0"),
        ({"n_mels": 0}, "n_mels of 1 or more"),
        ({"sr": 0}, "sr of 1 or more"),
        ({"fmin": 5000, "fmax": 4000}, "fmin from 0 to below fmax, got fmin 5000 and fmax 4000"),
        ({"fmin": -1}, "fmin from 0"),
        ({"norm": "area"}, "norm slaney, a number or None, got 'area'"),
        ({"norm": 0}, "norm above 0, got 0"),
    ],
)
def test_invalid_settings_raise(changed, message):
    with pytest.raises(StaanetError, match=message):
        MelSpectrogram(**changed)


def test_a_clip_shorter_than_a_frame_that_is_not_centred_raises():
    with pytest.raises(StaanetError, match=r"clips of 2048 samples \(n_fft\) or more, got 2047; set center=True"):
        Spectrogram(center=False)(torch.zeros(1, 2047))
