import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from staanet.attacks.generator import GENERATORS, create_generator
from staanet.attacks.generator.wave_unet import mirror
from staanet.core.waveforms import valid_samples
from tiny import TINY


def flops(generator, seconds):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        generator.eval()(torch.zeros(1, round(16_000 * seconds)), 0.1)
    return counter.get_total_flops()


def test_wave_unet_has_the_sizes_of_the_papers_code():
    generator = create_generator("wave_unet")
    assert sum(parameter.numel() for parameter in generator.parameters()) == 50_681_858
    assert generator.sizes(96_000) == (108_541, 96_261)
    assert generator.stride == 1024
    assert flops(generator, 6.0) == pytest.approx(72.7e9, rel=1e-3)


def test_compact_takes_at_most_1_5_gflop_for_six_seconds():
    assert flops(create_generator("compact"), 6.0) <= 1.5e9


def test_one_generator_is_the_default():
    assert [name for name in GENERATORS if GENERATORS[name].default] == ["deconvolutional"]


def test_mirrors_like_numpy():
    clip = np.arange(1.0, 6.0)
    for size in (5, 6, 9, 17, 40):
        before = (size - 5) // 2
        expected = np.pad(clip, (before, size - 5 - before), mode="reflect")
        assert (mirror(torch.from_numpy(clip)[None], size, before)[0].numpy() == expected).all()


def test_the_cut_is_the_score_that_sorting_puts_at_the_rank(clips):
    waveforms, lengths, _ = clips
    generator = create_generator("compact", **TINY["compact"]).eval()
    raw = torch.rand(waveforms.shape) - 0.5
    raw[1] = raw[1].round(decimals=1)  # equal scores
    counts = torch.tensor([1, 64, 700])
    cut = generator._relative(raw, lengths, valid_samples(lengths, 900), counts)
    for row, scores, length, count in zip(cut, raw, lengths.tolist(), counts.tolist(), strict=True):
        valid = scores[:length]
        rank = valid.sort(descending=True).values[count - 1]
        assert torch.equal(row[:length] >= 0, valid >= rank)
        deviation = (valid - valid.mean()).square().mean().add(1e-6).sqrt()
        torch.testing.assert_close(row[:length], (valid - rank) / deviation, atol=1e-5, rtol=1e-5)
