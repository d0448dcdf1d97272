import librosa
import numpy as np
import pytest
import torch

from staanet.audio.front_ends.mel_scale import mel
from staanet.audio.spectrogram import (
    TOP_DB,
    LogMel,
    log_mel,
    log_mel_distance,
    mel_power,
    mfcc,
    power_of,
)
from staanet.core.errors import StaanetError

RATE = 16_000
PUBLISHED = LogMel(decibels="published")
SETTINGS = [LogMel(), LogMel(64, n_fft=512, hop=160), LogMel(40, n_fft=401, hop=100)]


def tone(hertz, amplitude=0.5, rate=RATE):
    return amplitude * torch.sin(2 * torch.pi * hertz * torch.arange(rate, dtype=torch.float64) / rate).float()[None]


def speechlike(seconds=3.0, seed=0, silence=0.0):
    """Noise that fades in, with a share of true silence at its end."""
    size = round(seconds * RATE)
    noise = np.random.default_rng(seed).standard_normal(size) * 0.1 * np.linspace(0, 1, size) ** 3
    noise[round((1 - silence) * size) :] = 0
    return noise.astype(np.float32)


def theirs(clip, settings):
    return librosa.feature.melspectrogram(
        y=clip, sr=RATE, n_fft=settings.n_fft, hop_length=settings.hop, n_mels=settings.bands
    )


# ------------------------------------------------------------------ librosa's


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("seconds", [3.0, 0.7, 0.01])
@pytest.mark.filterwarnings("ignore:n_fft")
def test_the_power_is_librosas(settings, seconds):
    clip = speechlike(seconds)
    expected = theirs(clip, settings)
    ours = mel_power(torch.from_numpy(clip)[None], RATE, settings)[0].numpy()
    assert ours.shape == expected.shape == (settings.bands, settings.frames(len(clip)))
    assert ours == pytest.approx(expected, rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("silence", [0.0, 0.4])
@pytest.mark.parametrize("level", [1.0, 1e-3])
@pytest.mark.parametrize(
    ("settings", "scale"),
    [(LogMel(), librosa.power_to_db), (PUBLISHED, lambda power: librosa.amplitude_to_db(power, ref=np.min))],
    ids=["power", "published"],
)
def test_the_decibels_are_librosas(settings, scale, level, silence):
    clip = speechlike(silence=silence) * np.float32(level)
    expected = scale(theirs(clip, settings))
    ours = log_mel(torch.from_numpy(clip)[None], RATE, settings)[0].numpy()
    assert ours == pytest.approx(expected, abs=0.01)
    assert ours.max() - ours.min() <= TOP_DB + 0.01


# ------------------------------------------------------------------ properties


def test_three_seconds_are_the_papers_matrix():
    assert log_mel(torch.zeros(2, 3 * RATE), RATE).shape == (2, 128, 261)


@pytest.mark.parametrize("rate", [16_000, 8_000])
@pytest.mark.parametrize("hertz", [300, 700, 1000, 2500, 3500])
def test_a_tone_is_loudest_in_the_band_whose_middle_is_nearest(rate, hertz):
    bands = 40
    middles = np.linspace(0, mel(rate / 2), bands + 2)[1:-1]
    spectrogram = log_mel(tone(hertz, rate=rate), rate, LogMel(bands, n_fft=512, hop=160))[0, :, 10:-10]
    loudest = spectrogram.mean(1).argmax().item()
    assert abs(middles[loudest] - mel(hertz)) <= (middles[1] - middles[0])
    assert spectrogram[loudest].mean() - spectrogram[(loudest + bands // 2) % bands].mean() > 40


def test_twice_the_amplitude_is_six_decibels_more_and_twelve_as_published():
    clips = torch.cat([tone(1000, 0.25), tone(1000, 0.5)])
    quiet, loud = log_mel(clips, RATE).amax((1, 2)).tolist()
    assert loud - quiet == pytest.approx(20 * np.log10(2), abs=1e-3)
    ends = torch.cat([clips, torch.zeros(2, 1000)], dim=1)  # the lowest cell is silence, not a share of the tone
    quiet, loud = log_mel(ends, RATE, PUBLISHED).amax((1, 2)).tolist()
    assert loud - quiet == pytest.approx(40 * np.log10(2), abs=1e-3)


@pytest.mark.parametrize(("settings", "floor"), [(LogMel(), -100.0), (PUBLISHED, 0.0)], ids=["power", "published"])
def test_silence_is_the_floor_with_a_finite_gradient(settings, floor):
    silence = torch.zeros(1, 1600, requires_grad=True)
    spectrogram = log_mel(silence, RATE, settings)
    assert torch.equal(spectrogram, torch.full((1, 128, 9), floor))
    spectrogram.sum().backward()
    assert torch.isfinite(silence.grad).all()


@pytest.mark.parametrize("settings", [LogMel(), PUBLISHED], ids=["power", "published"])
def test_clips_of_a_batch_do_not_mix(settings):
    both = log_mel(torch.cat([tone(500), tone(3000)]), RATE, settings)
    assert torch.allclose(both[1], log_mel(tone(3000), RATE, settings)[0], atol=1e-3)


@pytest.mark.parametrize("settings", [LogMel(8, 32, 16), LogMel(8, 32, 16, "published")], ids=["power", "published"])
def test_the_gradient_is_the_numerical_one(settings):
    clip = torch.from_numpy(speechlike(0.01)).double()[None].mul(10).requires_grad_()
    assert torch.autograd.gradcheck(lambda waveforms: log_mel(waveforms, RATE, settings), clip)


@pytest.mark.parametrize("settings", [LogMel(), PUBLISHED], ids=["power", "published"])
def test_the_power_comes_back_from_the_decibels(settings):
    power = mel_power(tone(700) + tone(2900), RATE, settings)
    back = power_of(log_mel(tone(700) + tone(2900), RATE, settings), settings)
    audible = power > power.max() / 5000
    scale = power.max() / back.max()
    assert torch.allclose(back[audible] * scale, power[audible], rtol=1e-4)
    assert (float(scale) == pytest.approx(1, rel=1e-5)) == (settings.decibels == "power")


@pytest.mark.parametrize("settings", [{"bands": 0}, {"n_fft": 1}, {"hop": 0}])
def test_invalid_settings_raise(settings):
    with pytest.raises(StaanetError, match="or more, got"):
        LogMel(**settings)


@pytest.mark.parametrize("settings", [LogMel(), PUBLISHED], ids=["power", "published"])
def test_the_numbers_are_those_of_the_plain_formula(settings):
    """Published results depend on every bit of it."""
    power = mel_power(torch.from_numpy(speechlike(silence=0.4))[None], RATE, settings)
    if settings == PUBLISHED:
        logarithms = power.clamp_min(1e-5).log10()
        decibels = 20 * (logarithms - logarithms.amin((1, 2), keepdim=True))
    else:
        decibels = 10 * power.clamp_min(1e-10).log10()
    expected = torch.maximum(decibels, decibels.amax((1, 2), keepdim=True) - TOP_DB)
    assert torch.equal(log_mel(torch.from_numpy(speechlike(silence=0.4))[None], RATE, settings), expected)


# ------------------------------------------------------------------ cepstra and distances


@pytest.mark.parametrize("count", [1, 13, 40])
def test_the_cepstrum_is_librosas(count):
    clip = speechlike()
    expected = librosa.feature.mfcc(y=clip, sr=RATE, n_mfcc=count, n_fft=368, hop_length=184, n_mels=128)
    assert mfcc(log_mel(torch.from_numpy(clip)[None], RATE), count)[0].numpy() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("count", [0, 129])
def test_an_invalid_number_of_coefficients_raises(count):
    with pytest.raises(StaanetError, match=r"1\.\.128 coefficients"):
        mfcc(torch.zeros(1, 128, 3), count)


def test_a_distance_is_of_each_clip_as_long_as_it_is():
    clip = torch.from_numpy(speechlike(0.5))
    louder = clip * 10
    padded = torch.zeros(2, 10_000)
    padded[0, : len(clip)], padded[1, : len(clip)] = clip, clip
    others = padded.clone()
    others[0, : len(clip)] = louder
    lengths = torch.tensor([len(clip), len(clip)])
    expected = (log_mel(clip[None], RATE) - log_mel(louder[None], RATE)).norm()
    distance = log_mel_distance(padded, others, lengths, RATE)
    torch.testing.assert_close(distance, torch.tensor([float(expected), 0.0]))
    assert (
        0.9 * 20 * log_mel(clip[None], RATE).numel() ** 0.5
        < expected
        <= 20.001 * log_mel(clip[None], RATE).numel() ** 0.5
    )
