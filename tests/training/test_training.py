from pathlib import Path

import pytest
import torch

from staanet.attacks.generator import create_generator
from staanet.core.budget import Budget
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic, by_speaker, prepare
from staanet.models import create_victim
from staanet.training.classifier import VICTIM_PRESETS, VictimTraining, train_victim
from staanet.training.generator import GENERATOR_PRESETS, GeneratorTraining, train_generator
from tiny import TINY

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    corpus = Synthetic(speakers=6, sentences=1, seconds=(0.5, 0.6))
    return prepare(corpus, Path(), tmp_path_factory.mktemp("stores") / "synthetic")


@pytest.fixture(scope="module")
def split(store):
    return by_speaker(list(store.utterances.values()))


def victim(store):
    with seeded("victim"):
        return create_victim("zhao19", store.labels, seconds=0.1)


def test_the_papers_settings():
    paper = VICTIM_PRESETS["paper"]
    assert (paper.epochs, paper.batch_size, paper.learning_rate) == (30, 8, 1e-3)
    assert (paper.schedule, paper.keep, paper.augmentation.noise) == ("constant", "last", 0.0)
    generator = GENERATOR_PRESETS["paper"]
    assert (generator.epochs, generator.batch_size, generator.learning_rate, generator.halve_every) == (20, 8, 1e-4, 5)
    assert (generator.losses.magnitude, generator.losses.sparsity, generator.losses.quantisation) == (1e-3, 1e-4, 1e-4)
    assert generator.losses.confidence == 0
    assert generator.budget == Budget(epsilon=0.05)


def test_a_victim_learns_its_training_clips(store, split, tmp_path):
    learner = victim(store)
    settings = VictimTraining(epochs=12, batch_size=4, augmentation=VICTIM_PRESETS["paper"].augmentation)
    history = train_victim(learner, store, split.train, split.train, settings, tmp_path / "progress", 0, CPU)
    assert history[-1]["accuracy"] > 0.75
    assert not learner.training


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("name", TINY)
def test_a_generator_takes_a_step_that_leaves_the_victim_alone(store, split, tmp_path, name, preset):
    source = victim(store).eval()
    before = {key: value.clone() for key, value in source.state_dict().items()}
    with seeded("generator"):
        generator = create_generator(name, **TINY[name])
    weights = {key: value.clone() for key, value in generator.state_dict().items()}
    settings = GeneratorTraining(
        budget=GENERATOR_PRESETS[preset].budget, losses=GENERATOR_PRESETS[preset].losses, epochs=1, batch_size=8
    )
    history = train_generator(generator, source, store, split.train, split.val, settings, tmp_path / "progress", 0, CPU)
    assert all(torch.equal(value, before[key]) for key, value in source.state_dict().items())
    assert all(parameter.requires_grad for parameter in source.parameters())
    assert any(not torch.equal(value, weights[key]) for key, value in generator.state_dict().items())
    assert {"loss_adversarial", "asr", "control", "excess", "sparsity", "snr_peak_db"} <= set(history[0])
    assert ("comb" in history[0]) == (history[0]["sparsity"] < 1)
    assert 0 <= history[0]["sparsity"] <= settings.budget.sparsity
