import pytest
import torch

from staanet.attacks import create_attack
from staanet.core.errors import StaanetError

SECOND = 16_000


def hum(clips=1, size=SECOND, sparsity=1.0, epsilon=0.1, **settings):
    """Return the hum [B, T] that the attack adds to silent clips, each a little different from the others."""
    silent = torch.zeros(clips, size)
    silent[:, 0] = torch.arange(clips) * 1e-6
    attack = create_attack("hum", epsilon=epsilon, sparsity=sparsity, **settings)
    return attack(lambda waveforms: waveforms[:, :2], silent, torch.zeros(clips, dtype=torch.int64)) - silent


def spectrum(waveform):
    """Return the amplitude [F] at each whole frequency in Hz of a second."""
    return torch.fft.rfft(waveform.double()).abs() / (SECOND / 2)


def test_has_the_fundamental_and_its_harmonics_and_nothing_else():
    amplitudes = spectrum(hum(frequency=60.0, harmonics=4)[0])
    partials = amplitudes[[60, 120, 180, 240]]
    torch.testing.assert_close(
        partials / partials[0], torch.tensor([1, 1 / 2, 1 / 3, 1 / 4]).double(), rtol=1e-4, atol=0
    )
    assert amplitudes.square().sum() == pytest.approx(float(partials.square().sum()), rel=1e-6)


def test_a_single_partial_is_a_sine_of_size_epsilon():
    sine = hum(frequency=150.0, harmonics=1)[0]
    assert spectrum(sine)[150] == pytest.approx(0.1, rel=1e-4)
    assert sine.square().mean().sqrt() == pytest.approx(0.1 / 2**0.5, rel=1e-3)


def test_the_sampling_rate_decides_the_frequency():
    assert spectrum(hum(frequency=50.0, harmonics=1, sample_rate=8_000)[0]).argmax() == 100


def test_partials_above_half_of_the_sampling_rate_are_left_out():
    amplitudes = spectrum(hum(frequency=3_000.0, harmonics=5)[0])
    assert (amplitudes > 1e-4).nonzero()[:, 0].tolist() == [3_000, 6_000]


def test_each_clip_has_a_phase_of_its_own():
    phases = torch.fft.rfft(hum(clips=200, size=1600, harmonics=1, frequency=100.0))[:, 10].angle()
    mean = torch.polar(torch.ones_like(phases), phases).mean().abs()
    assert mean < 3 / 200**0.5  # of 200 uniform phases


def test_a_sparse_hum_is_one_excerpt_at_a_random_position():
    change = hum(clips=50, sparsity=0.12)
    starts = []
    for row in change:
        changed = row.nonzero()[:, 0]
        assert len(changed) <= 1920
        assert changed[-1] - changed[0] <= 1919
        assert row.abs().max() == pytest.approx(0.1, rel=1e-6)
        starts.append(int(changed[0]))
    assert min(starts) < 3_000
    assert max(starts) > 11_000


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"harmonics": 0}, "harmonics of 1 or more"),
        ({"frequency": 0.0}, "a frequency between 0 and half of the sampling rate, 8000 Hz, got 0"),
        ({"frequency": 4000.0, "sample_rate": 8000}, "4000 Hz, got 4000"),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("hum", **settings)
