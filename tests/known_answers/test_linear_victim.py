"""A linear model: the best change within a budget is known in closed form, so every attack can be held against it."""

from dataclasses import dataclass

import pytest
import torch

from linear import SIZE
from staanet.attacks import ATTACKS, create_attack
from staanet.attacks.generator import create_generator
from staanet.attacks.generator.losses import Losses
from staanet.attacks.staa_net import GeneratorAttack
from staanet.core.classifier import margin
from staanet.core.seeds import seeded
from staanet.metrics import observe
from tiny import TINY, TINY_ATTACKS

EPSILON, SPARSITY = 0.02, 0.1


@pytest.fixture
def weights():
    with seeded("weights"):
        return torch.randn(2, SIZE)


def reach(weights):
    """How far the margin of either class can fall: epsilon times the largest differences of the weights."""
    best = (weights[0] - weights[1]).abs().topk(int(SPARSITY * SIZE)).values
    return EPSILON * float(best.sum())


def build(name):
    settings = {**TINY_ATTACKS.get(name, {}), "epsilon": EPSILON, "sparsity": SPARSITY}
    if issubclass(ATTACKS[name], GeneratorAttack):
        with seeded("weights"):
            settings["generator"] = create_generator("compact", **TINY["compact"])
    return create_attack(name, **settings)


@dataclass(frozen=True)
class Linear:
    """A linear model that represents a clip by itself."""

    weights: torch.Tensor

    def __call__(self, waveforms):
        return waveforms @ self.weights.T

    def represent(self, waveforms, lengths=None):  # noqa: ARG002
        return waveforms


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_goes_beyond_the_optimum(name, weights, waveforms):
    model = Linear(weights)
    predicted = model(waveforms).argmax(1)
    outcome = observe(model, waveforms, build(name)(model, waveforms, predicted), predicted)
    fall = outcome.margin_clean - outcome.margin_adv
    assert fall.max() <= reach(weights) + 1e-4
    unreachable = outcome.margin_clean > reach(weights)
    assert unreachable.any()
    assert not outcome.fooled[unreachable].any()


def test_observed_margins_are_those_of_the_weights(weights, waveforms):
    def model(waveforms):
        return waveforms @ weights.T

    labels = model(waveforms).argmax(1)
    adversarial = build("noise")(model, waveforms, labels)
    outcome = observe(model, waveforms, adversarial, labels)
    side = torch.where(labels == 0, 1.0, -1.0)
    by_hand = side * (adversarial @ (weights[0] - weights[1]))
    torch.testing.assert_close(torch.tensor(outcome.margin_adv), by_hand.double(), atol=1e-4, rtol=1e-4)
    assert (outcome.fooled == (by_hand < 0).numpy()).all()


def test_a_generator_learns_most_of_the_optimum(waveforms):
    """The weights repeat every four samples, so that a generator of that frame can express the optimum."""
    weights = torch.stack([torch.tensor([1.0, -1.0, 0.1, 0.05]).repeat(SIZE // 4), torch.zeros(SIZE)])

    def model(waveforms):
        return waveforms @ weights.T

    labels = torch.zeros(len(waveforms), dtype=torch.int64)
    with seeded("training"):
        generator = create_generator("compact", **TINY["compact"]).train()
        optimiser = torch.optim.Adam(generator.parameters(), 1e-2)
        counts = torch.full((len(waveforms),), int(SPARSITY * SIZE))
        lengths = torch.full((len(waveforms),), SIZE)
        losses = Losses(confidence=100.0)
        epsilon = torch.full((len(waveforms), 1), EPSILON)
        for _ in range(120):
            output = generator(waveforms, epsilon, lengths, counts, "straight_through")
            parts = losses(model(output.adversarial), labels, output, epsilon, lengths)
            optimiser.zero_grad()
            sum(parts.values()).backward()
            optimiser.step()
    attack = create_attack("staa_net", generator=generator, epsilon=EPSILON, sparsity=SPARSITY)
    fall = margin(model(waveforms), labels) - margin(model(attack(model, waveforms, labels)), labels)
    assert fall.mean() >= 0.9 * reach(weights)
