"""What holds for all attacks in the registry on linear models, and what the registry says of the sparse ones."""

from dataclasses import dataclass

import pytest
import torch

from attacks.linear import SPARSE, largest_fall, linear
from staanet.attacks import ATTACKS, create_attack
from staanet.attacks.generator import create_generator
from staanet.core.seeds import seeded
from staanet.metrics import observe
from tiny import TINY, TINY_ATTACKS


def build(name):
    settings = {**TINY_ATTACKS.get(name, {}), **SPARSE}
    if ATTACKS[name].needs_generator:
        with seeded("weights"):
            generator = ATTACKS[name].generators()[0]
            settings["generator"] = create_generator(generator, **TINY[generator])
    return create_attack(name, **settings)


@dataclass(frozen=True)
class Linear:
    """A linear model that represents a clip by its samples."""

    weights: torch.Tensor

    def __call__(self, waveforms):
        return waveforms @ self.weights

    def represent(self, waveforms, lengths=None):  # noqa: ARG002
        return waveforms


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_exceeds_the_optimum(name, waveforms):
    weights, _ = linear(2)
    model = Linear(weights)
    predicted = model(waveforms).argmax(1)
    outcome = observe(model, waveforms, build(name)(model, waveforms, predicted), predicted)
    reach = float(largest_fall(weights))
    assert (outcome.margin_clean - outcome.margin_adv).max() <= reach + 1e-4
    unreachable = outcome.margin_clean > reach
    assert unreachable.any()
    assert not outcome.fooled[unreachable].any()


def test_observed_margins_are_those_of_the_weights(waveforms):
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    adversarial = build("noise")(model, waveforms, labels)
    outcome = observe(model, waveforms, adversarial, labels)
    side = torch.where(labels == 0, 1.0, -1.0)
    by_hand = side * (adversarial @ (weights[:, 0] - weights[:, 1]))
    torch.testing.assert_close(torch.tensor(outcome.margin_adv), by_hand.double(), atol=1e-4, rtol=1e-4)
    assert (outcome.fooled == (by_hand < 0).numpy()).all()


def test_sparse_gradient_attacks_bound_the_count_and_the_size():
    for name in ("comb", "jsma", "pgd0", "sigma_zero", "sparse_pgd", "sparsefool", "spgd"):
        assert ATTACKS[name].access == "gradient"
        assert ATTACKS[name].norms == ("l0", "linf")
