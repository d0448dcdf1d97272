"""Input defences against known answers."""

import numpy as np
import pytest
import torch
from scipy.signal import resample_poly

from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.defences import create_defence

RATE = 16_000


def tone(hertz, size=8000):
    return 0.5 * torch.sin(torch.arange(size) * 2 * torch.pi * hertz / RATE)[None]


def through(clip, name, **settings):
    return create_defence(name, **settings)(clip, torch.tensor([clip.shape[1]]), RATE)


@pytest.mark.parametrize("snr_db", [10.0, 20.0, 30.0])
def test_noise_is_as_loud_as_it_says(snr_db):
    clip = tone(440, 50_000)
    noise = through(clip, "noise", snr_db=snr_db) - clip
    assert float(10 * torch.log10(clip.square().mean() / noise.square().mean())) == pytest.approx(snr_db, abs=0.1)


def test_each_clip_gets_noise_of_its_own():
    first, second = tone(440), tone(450)
    both = torch.cat([first, second])
    noise = create_defence("noise")(both, torch.tensor([8000, 8000]), RATE) - both
    assert abs(float(torch.corrcoef(noise)[0, 1])) < 0.05


@pytest.mark.parametrize(("hertz", "left"), [(500, 1.0), (3500, 1.0), (4500, 0.0), (7000, 0.0)])
def test_a_band_limit_keeps_what_lies_below_half_its_rate(hertz, left):
    clip = tone(hertz)
    received = through(clip, "band_limit", rate=8000)
    ratio = received[0, 500:-500].norm() / clip[0, 500:-500].norm()
    assert float(ratio) == pytest.approx(left, abs=0.01)


def test_a_band_limit_is_a_channel_of_that_rate():
    with seeded("speech"):
        clip = torch.randn(1, 16_000).cumsum(1)
    clip = 0.5 * clip / clip.abs().max()
    channel = resample_poly(resample_poly(clip[0].double().numpy(), 1, 2), 2, 1)
    received = through(clip, "band_limit", rate=8000)[0].numpy()
    assert np.abs(received - channel)[500:-500].max() < 0.02 * np.abs(channel).max()


def test_rounding_is_that_of_a_file(tmp_path):
    import soundfile

    with seeded("clip"):
        clip = torch.rand(1, 500) * 2 - 1
    soundfile.write(tmp_path / "clip.wav", clip[0].numpy(), RATE, subtype="PCM_16")
    read, _ = soundfile.read(tmp_path / "clip.wav", dtype="float32")
    assert np.abs(through(clip, "rounding")[0].numpy() - read).max() <= 2**-15 + 1e-7
    torch.testing.assert_close(through(clip, "rounding") * 2**15, (clip * 2**15).round().clamp(max=2**15 - 1))


@pytest.mark.parametrize("kbps", [48, 64, 128])
def test_mp3_delays_nothing_keeps_the_level_and_is_closer_at_more_bits(kbps):
    with seeded("speech"):
        clip = torch.randn(1, 16_000).cumsum(1)
    clip = 0.5 * clip / clip.abs().max()
    received = through(clip, "mp3", kbps=kbps)
    correlation = np.correlate(received[0].numpy(), clip[0].numpy(), "full")
    assert correlation.argmax() == clip.shape[1] - 1
    assert float((received * clip).sum() / clip.square().sum()) == pytest.approx(1, abs=0.002)
    assert 0 < float((received - clip).norm()) <= float((through(clip, "mp3", kbps=48) - clip).norm())


@pytest.mark.parametrize("rate", [8000, 11_025, 12_000, 22_050, 24_000])
def test_mp3_keeps_length_and_time_at_any_rate(rate):
    with seeded("speech"):
        clip = torch.randn(1, 8000).cumsum(1)
    clip = 0.5 * clip / clip.abs().max()
    received = create_defence("mp3", kbps=48)(clip, torch.tensor([8000]), rate)
    assert np.correlate(received[0].numpy(), clip[0].numpy(), "full").argmax() == 7999
    assert float((received - clip).norm() / clip.norm()) < 0.1


@pytest.mark.parametrize(
    ("name", "settings", "rate", "message"),
    [
        ("noise", {"snr_db": 200.0}, RATE, "snr_db"),
        ("noise", {"snr_db": float("nan")}, RATE, "snr_db"),
        ("band_limit", {"rate": 100}, RATE, "rate of 1000 Hz or more"),
        ("band_limit", {"rate": 8000}, 8000, "below the model's 8000 Hz"),
        ("rounding", {"bits": 1}, RATE, "bits in 2..24"),
        ("mp3", {"kbps": 32}, RATE, "kbps in 48..160"),
        ("mp3", {}, 44_100, "expected a sample rate of 8000"),
        ("mp3", {"kbps": 128}, 8000, "expected kbps in 8..64 for mp3 at 8000 Hz, got 128"),
    ],
)
def test_invalid_settings_and_rates_raise(name, settings, rate, message):
    with pytest.raises(StaanetError, match=message):
        create_defence(name, **settings)(torch.zeros(1, 100), torch.tensor([100]), rate)
