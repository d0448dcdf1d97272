import librosa
import numpy as np
import pytest

from staanet.audio.front_ends.mel_scale import mel, mel_filters


@pytest.mark.parametrize(("rate", "n_fft", "bands"), [(16_000, 368, 128), (8_000, 512, 64), (48_000, 512, 64)])
@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize("norm", ["slaney", None, 1, np.inf])
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_the_filters_are_librosas(rate, n_fft, bands, htk, norm):
    expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=bands, htk=htk, norm=norm, dtype=np.float64)
    assert mel_filters(rate, n_fft, bands, htk=htk, norm=norm).numpy() == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("hertz", [0.0, 333.0, 999.9, 1000.0, 1000.1, 7999.0])
@pytest.mark.parametrize("htk", [False, True])
def test_the_mel_scale_is_librosas(hertz, htk):
    assert mel(hertz, htk) == pytest.approx(librosa.hz_to_mel(hertz, htk=htk), abs=1e-9)
