"""A generator that is told the class that a clip should be taken for, and learns all classes at once."""

import math

import pytest
import torch
from torch import nn

from staanet import create_attack
from staanet.attacks.generator import create_generator
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.training.generator import GeneratorTraining, train_generator
from tiny import TINY

CPU = torch.device("cpu")
SIZE = 1600
LABELS = ("first", "second", "third")


class Tones(nn.Module):
    """A model that decides for the strongest of three tones, relative to the loudness of the clip."""

    name, access, sample_rate, trained_length, labels = "tones", "gradient", 16_000, SIZE, LABELS

    def __init__(self):
        super().__init__()
        time = torch.arange(SIZE)
        self.tones = torch.stack([torch.cos(2 * math.pi * share * time) for share in (0.25, 0.375, 0.5)], dim=1)

    def forward(self, waveforms, _lengths=None):
        clips = nn.functional.pad(waveforms, (0, max(0, SIZE - waveforms.shape[1])))[:, :SIZE]
        return 30 * clips @ self.tones / SIZE / (clips.square().mean(1, keepdim=True) + 1e-10).sqrt()


def made(name="conditional", classes=3):
    with seeded("generator"):
        return create_generator(name, **TINY[name], classes=classes)


def trained(name, dataset, split, folder, epochs, rate=0.01, val=()):
    generator = made(name)
    settings = GeneratorTraining(epochs=epochs, batch_size=4, learning_rate=rate, halve_every=epochs)
    progress = folder / "progress"
    return generator, train_generator(generator, Tones(), dataset, split.train, val, settings, progress, 0, CPU)


def reached(attack, clips):
    """Return the share of the clips that are taken for each class, over those of other classes."""
    model = Tones()
    own = model(clips).argmax(1)
    goals = [torch.full((len(clips),), goal) for goal in range(3)]
    hits = [model(attack(model, clips, goal)).argmax(1) == goal for goal in goals]
    return [hit[own != number].float().mean() for number, hit in enumerate(hits)]


@pytest.mark.parametrize(
    ("name", "attack", "epochs", "rate", "at_once"),
    [("conditional", "staa_net", 100, 0.01, False), ("gradient_conditional", "one_gradient", 40, 0.03, True)],
)
def test_after_a_short_training_clips_are_taken_for_every_class(
    dataset, split, tmp_path, name, attack, epochs, rate, at_once
):
    """With the gradient towards a class, this simple model is fooled before training."""
    clips = dataset.batch(split.test).waveforms[:, :SIZE]
    budget = Budget(snr_db=17.0, sparsity=0.12)
    generator, _ = trained(name, dataset, split, tmp_path, epochs, rate)
    success = reached(create_attack(attack, generator=generator, budget=budget, targeted=True), clips)
    untrained = reached(create_attack(attack, generator=made(name), budget=budget, targeted=True), clips)
    assert min(success) > 1 / 3
    assert sum(success) / 3 > 0.6
    assert (sum(untrained) / 3 > 0.6) == at_once
    own = Tones()(clips).argmax(1)
    away = create_attack(attack, generator=generator, budget=budget)(Tones(), clips, own)
    assert (Tones()(away).argmax(1) != own).float().mean() > 0.5


def test_the_goal_of_a_clip_changes_its_perturbation():
    generator = made()
    torch.nn.init.normal_(generator.condition[-1].weight, std=0.3)
    clips, lengths = torch.rand(1, 600) - 0.5, torch.tensor([600])
    outputs = [generator.eval()(clips, 0.1, lengths, goals=torch.tensor([goal])).magnitudes for goal in (-1, 0, 1)]
    assert torch.equal(outputs[0], generator(clips, 0.1, lengths).magnitudes)
    assert all(not torch.allclose(outputs[one], outputs[other]) for one, other in ((0, 1), (0, 2), (1, 2)))


def test_validation_says_how_often_each_class_is_reached(dataset, split, tmp_path):
    generator, history = trained("conditional", dataset, split, tmp_path, 1, val=split.val)
    clips = dataset.batch(split.val).waveforms[:, :SIZE]
    attack = create_attack("staa_net", generator=generator, budget=GeneratorTraining().budget, targeted=True)
    expected = {f"reached_{label}": float(share) for label, share in zip(LABELS, reached(attack, clips), strict=True)}
    expected = {name: share for name, share in expected.items() if not math.isnan(share)}
    found = {name: value for name, value in history[0].items() if name.startswith("reached_")}
    assert found == pytest.approx(expected)
    assert history[0]["reached"] == pytest.approx(sum(found.values()) / len(found))


def test_another_number_of_classes_than_the_source_has_is_refused(dataset, split, tmp_path):
    given = (Tones(), dataset, split.train, (), GeneratorTraining(), tmp_path / "progress", 0, CPU)
    with pytest.raises(StaanetError, match="for the 3 classes of the source, got conditional for 5; give it classes"):
        train_generator(made(classes=5), *given)


@pytest.mark.parametrize("name", ["compact", "conditional"])
def test_a_targeted_attack_needs_a_generator_with_goals(name):
    attack = create_attack("staa_net", generator=create_generator(name, **TINY[name]), targeted=True)
    with pytest.raises(StaanetError, match=f"trained with goals for a targeted staa_net, got {name} without"):
        attack(Tones(), torch.rand(1, SIZE) - 0.5, torch.tensor([1]))


def test_a_goal_that_is_no_class_is_refused():
    attack = create_attack("staa_net", generator=made(), targeted=True)
    with pytest.raises(StaanetError, match=r"expected labels in 0\.\.2, got \[3\]"):
        attack(Tones(), torch.rand(1, SIZE) - 0.5, torch.tensor([3]))


def test_one_class_is_none():
    with pytest.raises(StaanetError, match="expected classes of 2 or more, or 0"):
        made(classes=1)
