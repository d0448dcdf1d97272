import numpy as np
import pytest
import torch
from scipy.signal import stft

from staanet.audio.spectrogram import log_mel, mel_filters

RATE = 16_000


def tone(hertz, amplitude=0.5, rate=RATE):
    return amplitude * torch.sin(2 * torch.pi * hertz * torch.arange(rate, dtype=torch.float64) / rate).float()[None]


def mel(hertz):
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


@pytest.mark.parametrize("rate", [16_000, 8_000])
@pytest.mark.parametrize("hertz", [300, 700, 1000, 2500, 3500])
def test_a_tone_is_loudest_in_the_band_whose_middle_is_nearest(rate, hertz):
    bands = 40
    middles = np.linspace(0, mel(rate / 2), bands + 2)[1:-1]
    spectrogram = log_mel(tone(hertz, rate=rate), rate, bands=bands)[0, :, 10:-10]
    loudest = spectrogram.mean(1).argmax().item()
    assert abs(middles[loudest] - mel(hertz)) <= (middles[1] - middles[0])
    assert spectrogram[loudest].mean() - spectrogram[(loudest + bands // 2) % bands].mean() > 40


def test_twice_the_amplitude_is_six_decibels_more():
    quiet, loud = (log_mel(tone(1000, amplitude), RATE).max() for amplitude in (0.25, 0.5))
    assert (loud - quiet).item() == pytest.approx(20 * np.log10(2), abs=1e-3)


def test_silence_is_the_floor():
    assert torch.equal(log_mel(torch.zeros(1, 1600), RATE), torch.full((1, 64, 11), -100.0))


def test_clips_of_a_batch_do_not_mix():
    both = log_mel(torch.cat([tone(500), tone(3000)]), RATE)
    assert torch.allclose(both[1], log_mel(tone(3000), RATE)[0], atol=1e-3)


def test_the_filters_are_triangles_that_overlap_by_half():
    filters = mel_filters(RATE, 4096, 40).numpy()
    assert filters.min() == 0
    assert filters.max() <= 1
    frequencies = np.linspace(0, RATE / 2, 2049)
    first, last = (np.interp(place, np.linspace(0, 41, 42), np.linspace(0, mel(RATE / 2), 42)) for place in (1, 40))
    inside = (mel(frequencies) >= first) & (mel(frequencies) <= last)
    assert filters.sum(0)[inside] == pytest.approx(1, abs=1e-3)
    peaks = mel(frequencies[filters.argmax(1)])
    assert np.diff(peaks) == pytest.approx(mel(RATE / 2) / 41, rel=0.05)


def test_the_power_agrees_with_scipy():
    noise = torch.rand(1, 4000, generator=torch.Generator().manual_seed(0)) - 0.5
    _, _, reference = stft(noise[0].numpy(), window="hann", nperseg=512, noverlap=352, boundary="even", padded=False)
    power = np.abs(reference * 256) ** 2
    expected = 10 * np.log10(np.maximum(mel_filters(RATE, 512, 64).numpy() @ power, 1e-10))
    ours = log_mel(noise, RATE)[0].numpy()
    frames = slice(3, min(expected.shape[1], ours.shape[1]) - 3)
    heard = expected[:, frames] > -90
    assert ours[:, frames][heard] == pytest.approx(expected[:, frames][heard], abs=0.01)
