import pytest
import torch

from attacks.behaviour import CountingGradients
from attacks.linear import EPSILON, SIZE, SPARSITY, largest_fall, linear
from staanet.attacks import create_attack
from staanet.attacks.components.objectives import value_and_grad
from staanet.attacks.generator import create_generator
from staanet.core.classifier import margin
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.seeds import seeded
from tiny import TINY

COUNTS, LENGTHS = torch.full((16,), int(SPARSITY * SIZE)), torch.full((16,), SIZE)


def generator_of(name="gradient_conditional"):
    with seeded("weights"):
        return create_generator(name, **TINY[name])


def share_of_the_largest_fall(generator, waveforms, sign=1.0):
    """Return how far the margin falls by a generator that is given a multiple of the gradient, of the largest fall."""
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    gradients = sign * value_and_grad(lambda clips, _: model(clips), waveforms, labels, None, "margin").gradients
    output = generator(waveforms, EPSILON, LENGTHS, COUNTS, "straight_through", gradients)
    return (margin(model(waveforms), labels) - margin(model(output.adversarial), labels)) / largest_fall(weights)


def test_before_training_it_is_close_to_one_step_of_sparse_pgd(waveforms):
    """Without the gradient, no function of the clips could know these random weights."""
    assert share_of_the_largest_fall(generator_of().eval(), waveforms).mean() >= 0.9


def test_training_turns_what_points_the_wrong_way(waveforms):
    generator = generator_of().train()
    assert share_of_the_largest_fall(generator, waveforms, -1.0).mean() <= -0.9
    optimiser = torch.optim.Adam(generator.parameters(), 1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        (-share_of_the_largest_fall(generator, waveforms, -1.0).mean()).backward()
        optimiser.step()
    assert share_of_the_largest_fall(generator.eval(), waveforms, -1.0).mean() >= 0.8


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
