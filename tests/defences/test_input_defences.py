"""Input defences against known answers."""

import numpy as np
import pytest
import torch
from scipy.signal import resample_poly

from every_defence import build
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.defences import create_defence
from staanet.defences.input_defences import INPUT_DEFENCES

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


@pytest.mark.parametrize("name", ["opus", "vorbis", "g711", "resampling"])
@pytest.mark.parametrize("rate", [8000, 16_000, 22_050])
def test_codecs_delay_nothing_and_keep_the_level(name, rate):
    time = torch.arange(rate) / rate
    clip = sum(0.2 * torch.sin(2 * torch.pi * hertz * time * (1 + 0.1 * time)) for hertz in (150, 430, 1210))[None]
    settings = {"rate": 6000} if name == "resampling" else {}
    received = create_defence(name, **settings)(clip, torch.tensor([rate]), rate)
    correlation = np.correlate(received[0].numpy(), clip[0].numpy(), "full")
    assert correlation.argmax() == rate - 1
    assert float((received * clip).sum() / clip.square().sum()) == pytest.approx(1, abs=0.05)
    assert 0 < float((received - clip).norm() / clip.norm()) < 0.3


@pytest.mark.parametrize(("better", "worse"), [({"kbps": 64.0}, {"kbps": 8.0})])
def test_opus_is_closer_at_more_bits(better, worse):
    clip = tone(440) + tone(2500)
    assert (through(clip, "opus", **better) - clip).norm() < (through(clip, "opus", **worse) - clip).norm()


def test_vorbis_is_closer_at_a_higher_quality():
    clip = tone(440) + tone(2500)
    assert (through(clip, "vorbis", quality=1.0) - clip).norm() < (through(clip, "vorbis", quality=0.0) - clip).norm()


def test_a_median_removes_changes_of_few_samples_whatever_their_size():
    clip = torch.linspace(-0.5, 0.5, 1001)[None]  # a median of 3 keeps what rises
    attacked = clip.clone()
    attacked[0, 100::9] = 1.0
    received = through(attacked, "median")
    assert float((received - clip).abs()[0, 1:-1].max()) <= 0.0011  # a step of the line
    assert torch.equal(through(clip, "median")[0, 1:-1], clip[0, 1:-1])


def test_click_removal_replaces_clicks_and_nothing_else():
    clip = tone(50)
    attacked = clip.clone()
    attacked[0, 1000::50] += 0.4
    defence = create_defence("click_removal")
    clicks = defence.clicks(attacked)[0]
    assert clicks[1000::50].all()
    assert float(clicks.float().mean()) < 0.03
    received = defence(attacked, torch.tensor([8000]), RATE)
    assert torch.equal(received[0, ~clicks], attacked[0, ~clicks])
    assert float((received - clip).abs()[0, clicks].max()) < 0.03


def test_spectral_gating_lowers_the_noise_and_keeps_the_tone():
    with seeded("noise"):
        noise = 0.005 * torch.randn(1, 16_000)
    bursts = (torch.arange(16_000) // 4000 % 2)[None] * tone(1000, 16_000)
    received = through(bursts + noise, "spectral_gating", above_db=10.0)
    pause, sounding = slice(1000, 3000), slice(5000, 7000)
    assert float(received[0, pause].norm() / noise[0, pause].norm()) < 0.65
    assert float((received - bursts)[0, sounding].norm() / bursts[0, sounding].norm()) < 0.05


@pytest.mark.parametrize("width", [3, 9])
def test_a_smoothing_filter_keeps_a_constant_and_spreads_a_change(width):
    line = through(torch.full((1, 100), 0.4), "smoothing_filter", width=width)
    torch.testing.assert_close(line[0, width:-width], torch.full((100 - 2 * width,), 0.4))
    change = torch.zeros(1, 100)
    change[0, 50] = 1.0
    spread = through(change, "smoothing_filter", width=width)[0]
    assert int((spread > 0).sum()) == width
    assert float(spread.sum()) == pytest.approx(1.0)


def test_a_composition_is_its_parts_in_their_order():
    clip = tone(440) + 0.2 * tone(6000)
    parts = ("band_limit", {"defence": "rounding", "bits": 4})
    both = through(clip, "composition", defences=parts)
    torch.testing.assert_close(both, through(through(clip, "band_limit"), "rounding", bits=4))
    other = through(clip, "composition", defences=parts[::-1])
    assert not torch.allclose(both, other)


@pytest.mark.parametrize(
    ("parts", "gradient"),
    [
        (("median", "band_limit"), "exact"),
        (("median", "opus"), "straight_through"),
        (("noise", "opus"), "expectation"),
    ],
)
def test_a_composition_needs_the_attack_that_its_most_demanding_part_needs(parts, gradient):
    assert create_defence("composition", defences=parts).gradient == gradient


@pytest.mark.parametrize("name", INPUT_DEFENCES)
def test_the_declared_gradient_is_the_true_one(name, tmp_path):
    """An exact gradient predicts what a small change does; a straight-through one is that of the identity."""
    defence = build(name, tmp_path)
    with seeded("gradient"):
        clip = 0.3 * torch.randn(1, 1200).cumsum(1) / 20
        direction, weights = torch.randn(1, 1200), torch.randn(1, 1200)
    clip, lengths = clip.requires_grad_(), torch.tensor([1200])
    (gradient,) = torch.autograd.grad((defence(clip, lengths, RATE) * weights).sum(), clip)
    if defence.gradient == "straight_through":
        torch.testing.assert_close(gradient, weights)
    elif defence.gradient == "exact":
        step = 1e-7 * direction.double()
        with torch.no_grad():
            high, low = (defence(clip.double() + sign * step, lengths, RATE) for sign in (1, -1))
        change = float(((high - low) * weights.double()).sum()) / 2
        assert float((gradient.double() * step).sum()) == pytest.approx(change, rel=0.02)


@pytest.mark.parametrize("name", INPUT_DEFENCES)
def test_a_defence_draws_anew_only_if_its_gradient_is_an_expectation(name, tmp_path):
    defence, clip, lengths = build(name, tmp_path), tone(440, 1200), torch.tensor([1200])
    first, again = defence.redrawn(clip, lengths, RATE, 1), defence.redrawn(clip, lengths, RATE, 1)
    assert torch.equal(first, again)
    assert torch.equal(first, defence.redrawn(clip, lengths, RATE, 2)) == (defence.gradient != "expectation")


@pytest.mark.parametrize(
    ("name", "settings", "rate", "message"),
    [
        ("opus", {"kbps": 2.0}, RATE, "kbps in 6..256"),
        ("vorbis", {"quality": 2.0}, RATE, "quality in 0..1"),
        ("resampling", {"rate": 500}, RATE, "rate of 1000 Hz or more"),
        ("resampling", {"rate": 16_000}, RATE, "below the model's 16000 Hz"),
        ("median", {"width": 4}, RATE, "odd width of 3 samples or more, got 4"),
        ("click_removal", {"threshold": 0.0}, RATE, "threshold above 0"),
        ("spectral_gating", {"floor": 1.0}, RATE, "quantile"),
        ("smoothing_filter", {"width": 1}, RATE, "odd width"),
        ("composition", {"defences": ("median",)}, RATE, "two defences or more"),
        ("composition", {"defences": ("median", "adversarial_training")}, RATE, "expected an input defence from"),
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
