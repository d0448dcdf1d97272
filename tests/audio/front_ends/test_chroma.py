import librosa
import numpy as np
import pytest
import torch

from staanet.audio.front_ends import Chroma
from staanet.audio.front_ends.chroma import chroma_filters, tuning_of


def chord(sr, detuned=0.0, seed=0):
    time = np.arange(sr) / sr
    tone = sum(np.sin(2 * np.pi * 220 * 2 ** ((k + detuned) / 12) * time) for k in (0, 4, 7, 12, 19))
    return (0.1 * tone + 0.003 * np.random.default_rng(seed).standard_normal(sr)).astype(np.float32)


@pytest.mark.parametrize(("n_fft", "n_chroma", "tuning"), [(2048, 12, 0.0), (512, 12, 0.3), (401, 24, -0.2)])
def test_the_filters_are_librosas(n_fft, n_chroma, tuning):
    theirs = librosa.filters.chroma(sr=16_000, n_fft=n_fft, n_chroma=n_chroma, tuning=tuning, dtype=np.float64)
    assert chroma_filters(16_000, n_fft, n_chroma, tuning).numpy() == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("sr", [8_000, 16_000, 22_050, 48_000])
@pytest.mark.parametrize("changed", [{}, {"tuning": 0.1}, {"norm": None}, {"norm": 2, "n_fft": 1024, "n_chroma": 24}])
def test_the_chromagram_is_librosas(sr, changed):
    clip = chord(sr, 0.2)
    theirs = librosa.feature.chroma_stft(y=clip, sr=sr, **changed)
    ours = Chroma(sr=sr, **changed)(torch.from_numpy(clip)[None])[0].numpy()
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-4 * max(1, np.abs(theirs).max())


def test_the_chromagram_of_an_amplitude_spectrogram_is_librosas():
    clip = chord(22_050, 0.4)
    theirs = librosa.feature.chroma_stft(S=np.abs(librosa.stft(clip)), sr=22_050)
    assert Chroma(power=1.0)(torch.from_numpy(clip)[None])[0].numpy() == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("detuned", [-0.45, -0.1, 0.0, 0.23])
def test_the_tuning_is_librosas(detuned, seed):
    spectrogram = np.abs(librosa.stft(chord(16_000, detuned, seed)))
    theirs = librosa.estimate_tuning(S=spectrogram, sr=16_000)
    assert tuning_of(torch.from_numpy(spectrogram), 16_000) == pytest.approx(theirs, abs=1e-9)


def test_clips_of_a_batch_have_their_own_tuning():
    clips = torch.from_numpy(np.stack([chord(16_000, 0.3), chord(16_000, -0.3)]))
    both = Chroma(sr=16_000)(clips)
    assert torch.allclose(both[1], Chroma(sr=16_000)(clips[1:])[0], atol=1e-6)
    assert (both[0] - both[1]).abs().max() > 0.05
