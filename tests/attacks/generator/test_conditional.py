import pytest
import torch

from staanet.attacks.generator import create_generator
from staanet.attacks.generator.base import Given
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from tiny import TINY

LENGTHS = torch.tensor([600, 440])


def made(name="conditional", spread=0.0):
    """Return a tiny generator whose factors of the gains depend on the budget if `spread` is above 0."""
    with seeded("weights"):
        generator = create_generator(name, **TINY[name]).eval()
        torch.nn.init.normal_(generator.condition[-1].weight, std=spread)
    return generator


@pytest.fixture
def waveforms():
    with seeded("clips"):
        return (torch.rand(2, 600) - 0.5) * (torch.arange(600) < LENGTHS[:, None])


@torch.no_grad()
def raw(generator, waveforms, snr_db, sparsity, gradients=None):
    epsilon = waveforms.abs().amax(1, keepdim=True) * 10 ** (-snr_db / 20)
    return torch.stack(
        generator.conditioned_outputs(waveforms, LENGTHS, Given(epsilon, (sparsity * LENGTHS).long(), gradients))
    )


def test_before_training_the_budget_changes_nothing(waveforms):
    generator = made()
    outputs = raw(generator, waveforms, 17, 0.12)
    assert torch.equal(outputs, raw(generator, waveforms, 25, 0.02))
    assert torch.equal(outputs, torch.stack(generator.outputs(waveforms, LENGTHS)))


@pytest.mark.parametrize("other", [(25, 0.12), (17, 0.02)])
def test_each_bound_of_the_budget_changes_both_outputs(waveforms, other):
    generator = made(spread=0.3)
    changes = (raw(generator, waveforms, 17, 0.12) - raw(generator, waveforms, *other)).abs().amax((1, 2))
    assert changes.min() > 1e-3


@pytest.mark.parametrize(("beyond", "nearest"), [((50, 0.12), (30, 0.12)), ((17, 0.9), (17, 0.15))])
def test_beyond_its_ranges_it_acts_as_for_the_nearest_budget(waveforms, beyond, nearest):
    generator = made(spread=0.3)
    torch.testing.assert_close(
        raw(generator, waveforms, *beyond), raw(generator, waveforms, *nearest), atol=1e-4, rtol=1e-4
    )


def test_the_loudness_of_a_clip_changes_nothing(waveforms):
    generator = made(spread=0.3)
    torch.testing.assert_close(
        raw(generator, waveforms, 20, 0.1), raw(generator, 0.1 * waveforms, 20, 0.1), atol=1e-4, rtol=1e-4
    )


def test_only_the_direction_of_a_gradient_counts(waveforms):
    generator = made("gradient_conditional")
    gradients = (40 * waveforms).sin()
    first = raw(generator, waveforms, 17, 0.12, gradients)
    torch.testing.assert_close(first, raw(generator, waveforms, 17, 0.12, 1e-9 * gradients), atol=1e-4, rtol=1e-4)
    assert (first - raw(generator, waveforms, 17, 0.12, -gradients)).abs().amax() > 1e-3
    flat = raw(generator, waveforms, 17, 0.12, torch.zeros_like(gradients))
    assert torch.isfinite(flat).all()


def test_missing_gradients_are_told(waveforms):
    with pytest.raises(StaanetError, match="expected gradients for gradient_conditional, got none"):
        made("gradient_conditional")(waveforms, 0.1, LENGTHS)


def test_the_small_one_takes_less_than_compact():
    from torch.utils.flop_counter import FlopCounterMode

    flops = {}
    for name in ("compact", "conditional_small"):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            create_generator(name).eval()(torch.zeros(1, 16_000), 0.1)
        flops[name] = counter.get_total_flops()
    assert flops["conditional_small"] < 0.7 * flops["compact"]
