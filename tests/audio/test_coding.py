"""Codecs against known answers: bit rates, quantisation steps, delays and rates."""

import numpy as np
import pytest
import soundfile

from staanet.audio import coding
from staanet.core.errors import StaanetError


def noise(size, seed=0):
    smooth = np.random.default_rng(seed).standard_normal(size).cumsum()
    return (0.5 * smooth / np.abs(smooth).max()).astype(np.float32)


@pytest.fixture
def written(monkeypatch):
    """The numbers of bytes of the files in memory that are decoded."""
    sizes, read = [], soundfile.read

    def counted(buffer, **options):
        sizes.append(len(buffer.getvalue()))
        return read(buffer, **options)

    monkeypatch.setattr(soundfile, "read", counted)
    return sizes


@pytest.mark.parametrize("rate", coding.MP3_RATES)
@pytest.mark.parametrize("kbps", [16, 24, 32, 48, 64])
def test_mp3_has_the_bit_rate_that_it_is_asked_for_at_any_sampling_rate(rate, kbps, written):
    clip = noise(4 * rate)
    coding.mp3(clip, rate, kbps)
    assert written[0] * 8 / 4 / 1000 == pytest.approx(kbps, rel=0.1)


@pytest.mark.parametrize("kbps", [6, 8, 12, 16, 24, 64])
def test_opus_has_about_the_bit_rate_that_it_is_asked_for(kbps, written):
    clip = 0.1 * np.random.default_rng(0).standard_normal(4 * coding.OPUS_RATE).astype(np.float32)
    coding.opus(clip, kbps)
    assert written[0] * 8 / 4 / 1000 == pytest.approx(kbps, rel=0.5)


@pytest.mark.parametrize("rate", coding.MP3_RATES)
@pytest.mark.parametrize("kbps", [16, 24, 48, 64])
def test_mp3_delays_nothing_and_keeps_level_and_length(rate, kbps):
    clip = noise(rate)
    decoded = coding.mp3(clip, rate, kbps)
    assert len(decoded) == len(clip)
    assert np.correlate(decoded, clip, "full").argmax() == len(clip) - 1
    assert float(decoded @ clip / (clip @ clip)) == pytest.approx(1, abs=0.03)


def test_g711_has_256_steps_that_grow_with_the_level():
    ramp = np.linspace(-1, 1, 2**16, dtype=np.float32)
    for law, least in (("mu", 255), ("a", 256)):
        steps = np.unique(coding.g711(ramp, law))
        assert least <= len(steps) <= 256
        sizes = np.diff(steps[steps > 0])
        assert sizes[-1] > 50 * sizes[0]
    assert not np.array_equal(coding.g711(ramp, "mu"), coding.g711(ramp, "a"))


@pytest.mark.parametrize(
    ("law", "samples", "decoded"),
    [
        ("mu", [0, 3, 5, 11, 13, 19, 1000, -1000, 30_000], [0, 0, 8, 8, 16, 16, 988, -988, 30_076]),
        ("a", [0, 15, 16, 31, 32, 1000, 1024, 30_000], [8, 8, 24, 24, 40, 1008, 1056, 30_208]),
    ],
)
def test_g711_decodes_to_the_middle_of_the_step(law, samples, decoded):
    assert (coding.g711(np.float32(samples) / 2**15, law) * 2**15).tolist() == decoded


def test_samples_beyond_full_scale_are_clipped_and_do_not_wrap_around():
    loud = np.full(4000, 1.5, dtype=np.float32)
    for decoded in (coding.g711(loud), coding.g711(loud, "a"), coding.gsm(loud)[:50], coding.mp3(loud, 8000, 64)[:50]):
        assert decoded[10:].min() > 0


@pytest.mark.parametrize("size", [1, 159, 160, 161, 320, 321, 999])
def test_gsm_has_no_delay_and_any_length(size):
    clip = noise(size)
    decoded = coding.gsm(clip)
    assert len(decoded) == size
    if size > 500:
        assert abs(int(np.correlate(decoded, clip, "full").argmax()) - size + 1) <= 1


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100])
def test_at_rate_keeps_time_and_level(rate):
    tone = (0.5 * np.sin(np.arange(rate) * 2 * np.pi * 440 / rate)).astype(np.float32)
    back = coding.at_rate(tone, rate, 8000, lambda clip: clip)
    assert np.abs(back - tone)[rate // 50 : -rate // 50].max() < 0.001
    assert len(coding.at_rate(tone[:1], rate, 8000, lambda clip: clip)) == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (lambda clip: coding.mp3(clip, 44_100, 64), "sample rate of 8000, 11025, .* Hz for mp3, got 44100; resample"),
        (lambda clip: coding.mp3(clip, 8000, 128), r"kbps in 8..64 for mp3 at 8000 Hz, got 128"),
        (lambda clip: coding.mp3(clip, 16_000, 4), r"kbps in 8..160 for mp3 at 16000 Hz, got 4"),
        (lambda clip: coding.opus(clip, 5), r"kbps in 6..256 for opus, got 5"),
    ],
)
def test_unsupported_rates_are_refused(code, message):
    with pytest.raises(StaanetError, match=message):
        code(np.zeros(100, dtype=np.float32))
