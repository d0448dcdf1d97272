import librosa
import numpy as np
import pytest
import torch

from staanet.audio.effects import VOCODER, resynthesise, shift_pitch, stretch, trim
from staanet.audio.spectrogram import LogMel, log_mel, mel_power, power_of
from staanet.core.errors import StaanetError

RATE = 16_000


def chirp(seconds=1.0):
    """A tone that rises from 300 to 1500 Hz."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * (300 * time + 600 / seconds * time**2))).astype(np.float32)


def loudest(samples):
    """Return the strongest frequency of a clip in Hz."""
    return np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples)


def test_trim_is_librosas():
    clip = np.concatenate([np.zeros(3000, np.float32), chirp(), 1e-3 * chirp(0.3)])
    expected, _ = librosa.effects.trim(clip, top_db=30, frame_length=512, hop_length=64)
    assert np.array_equal(trim(clip), expected)
    assert len(trim(clip, below_db=80)) > len(expected)
    assert np.array_equal(trim(np.zeros(5000, np.float32)), np.zeros(5000))


def test_pitch_and_time_change_by_themselves():
    tone = (0.3 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)).astype(np.float32)
    higher, slower = shift_pitch(tone, RATE, 3.0), stretch(tone, 0.8)
    assert (len(higher), len(slower)) == (RATE, RATE / 0.8)
    assert loudest(higher) == pytest.approx(500 * 2 ** (3 / 12), rel=0.01)
    assert loudest(slower) == pytest.approx(500, rel=0.01)


@pytest.mark.parametrize("change", [lambda clip: shift_pitch(clip, RATE, 1.0), lambda clip: stretch(clip, 0.9)])
def test_a_clip_too_short_to_be_changed_raises(change):
    with pytest.raises(StaanetError, match="a clip of 2048 samples or more"):
        change(chirp()[: VOCODER - 1])


@pytest.mark.parametrize("decibels", ["power", "published"])
def test_a_clip_comes_back_from_its_spectrogram(decibels):
    clip, settings = torch.from_numpy(chirp())[None], LogMel(decibels=decibels)
    sound = resynthesise(power_of(log_mel(clip, RATE, settings)[0], settings), RATE, settings)
    assert len(sound) == 184 * (settings.frames(RATE) - 1)
    assert np.abs(sound).max() == pytest.approx(1)
    assert np.array_equal(sound, resynthesise(power_of(log_mel(clip, RATE, settings)[0], settings), RATE, settings))
    before = log_mel(clip, RATE)[0][:, : settings.frames(len(sound))]
    after = log_mel(torch.from_numpy(sound)[None], RATE)[0]
    loud = before > before.max() - 20
    assert (after - before)[loud].std() < 3
    loudest_bands = [levels.argmax(0)[2:-2].tolist() for levels in (before, after)]
    assert np.abs(np.subtract(*loudest_bands)).mean() < 0.2


@pytest.mark.parametrize(
    ("power", "message"),
    [
        (torch.full((128, 5), -20.0), "give power, not decibels"),
        (torch.zeros(128, 5), "some above"),
        (torch.full((128, 5), torch.nan), "expected finite power"),
        (torch.ones(1, 128, 5), "one clip at a time"),
        (torch.ones(64, 5), r"mel power \[128, frames\], got \[64, 5\]"),
    ],
)
def test_invalid_power_raises(power, message):
    with pytest.raises(StaanetError, match=message):
        resynthesise(power, RATE)


def test_without_librosa_it_raises(monkeypatch):
    monkeypatch.setattr("staanet.audio.effects.importlib.util.find_spec", lambda _: None)
    with pytest.raises(StaanetError, match=r"the package librosa, found none; install staanet\[systematic\]"):
        resynthesise(mel_power(torch.from_numpy(chirp())[None], RATE)[0], RATE)
