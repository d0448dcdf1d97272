import pytest
import torch

from attacks.behaviour import CountingGradients
from attacks.linear import EPSILON, SIZE, SPARSE, SPARSITY, largest_fall, linear
from staanet.attacks import create_attack
from staanet.attacks.components.objectives import value_and_grad
from staanet.attacks.generator import create_generator
from staanet.attacks.generator.losses import Losses
from staanet.core.classifier import margin
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.seeds import seeded
from tiny import TINY


def generator_of(name="gradient_conditional"):
    with seeded("weights"):
        return create_generator(name, **TINY[name])


def test_the_gradient_shows_a_generator_weights_that_no_clip_does(waveforms):
    """Without the gradient, no function of the clips could know these random weights."""
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    gradients = value_and_grad(lambda clips, _: model(clips), waveforms, labels, None, "margin").gradients
    with seeded("training"):
        generator = generator_of().train()
        optimiser = torch.optim.Adam(generator.parameters(), 1e-2)
        counts, lengths = torch.full((16,), int(SPARSITY * SIZE)), torch.full((16,), SIZE)
        losses, epsilon = Losses(confidence=100.0), torch.full((16, 1), EPSILON)
        for _ in range(120):
            output = generator(waveforms, epsilon, lengths, counts, "straight_through", gradients)
            parts = losses(model(output.adversarial), labels, output, epsilon, lengths)
            optimiser.zero_grad()
            sum(parts.values()).backward()
            optimiser.step()
    adversarial = create_attack("one_gradient", generator=generator, **SPARSE)(model, waveforms, labels)
    fall = margin(model(waveforms), labels) - margin(model(adversarial), labels)
    assert fall.mean() >= 0.8 * largest_fall(weights)


def test_takes_one_gradient_of_each_clip(small_model, clips):
    waveforms, lengths, labels = clips
    model = CountingGradients(small_model)
    create_attack("one_gradient", generator=generator_of())(model, waveforms, labels, lengths)
    assert model.gradients == 3


@pytest.mark.parametrize(
    ("attack", "generator", "other"),
    [
        ("one_gradient", "conditional", "staa_net"),
        ("staa_net", "gradient_conditional", "one_gradient"),
        ("shuffled_staa_net", "gradient_conditional", "one_gradient"),
    ],
)
def test_a_generator_for_another_attack_is_refused(attack, generator, other):
    with pytest.raises(StaanetError, match=f"for {attack}, got {generator}; use the attack {other}"):
        create_attack(attack, generator=generator_of(generator)).prepare(torch.device("cpu"))


@pytest.mark.parametrize("attack", ["one_gradient", "staa_net"])
def test_a_budget_that_training_never_saw_is_told(attack, small_model, clips):
    waveforms, lengths, labels = clips
    generator = generator_of("gradient_conditional" if attack == "one_gradient" else "conditional")
    with pytest.warns(StaanetWarning, match=r"sparsity of 0.005 to 0.15, got 0.5; the nearest is 0.15"):
        adversarial = create_attack(attack, generator=generator, sparsity=0.5)(small_model, waveforms, labels, lengths)
    assert ((adversarial != waveforms).sum(1) <= lengths // 2).all()
