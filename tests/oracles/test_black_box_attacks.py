"""Black-box attacks beside other libraries': at equal budgets and queries ours are at least as strong."""

import numpy as np
import pytest
import torch
from scipy.optimize import differential_evolution
from torch import nn

from staanet.attacks.boundary import Boundary
from staanet.attacks.components.evolution import evolve
from staanet.attacks.pixel import Pixel
from staanet.core.budget import Budget
from staanet.core.classifier import margin
from staanet.core.seeds import ClipRandom, seeded

SIZE = 128


class Counting(nn.Module):
    """A small network of waveforms `[B, T]` that counts them."""

    def __init__(self):
        super().__init__()
        with seeded("victim"):
            self.layers = nn.Sequential(nn.Linear(SIZE, 32), nn.Tanh(), nn.Linear(32, 4))
        self.asked = 0

    def forward(self, waveforms):
        self.asked += len(waveforms)
        return self.layers(waveforms.float())


@pytest.fixture
def model():
    return Counting().eval().requires_grad_(False)


@pytest.fixture
def waveforms():
    with seeded("clips"):
        return torch.rand(12, SIZE) - 0.5


def rugged(points):
    """A function of `[..., D]` in [0, 1) with many maxima and its highest, 0, where all are 0.4."""
    away = (points - 0.4) * 8
    return -(away**2 + 4 * (1 - np.cos(2 * np.pi * away))).sum(-1)


def test_evolution_is_as_good_as_scipys():
    dimensions, population, generations, runs = 4, 40, 25, 40
    random = ClipRandom(0, torch.arange(1.0, runs + 1)[:, None], torch.ones(runs, dtype=torch.int64))
    ours = evolve(lambda genes, _: torch.from_numpy(rugged(genes.numpy())), dimensions, population, generations, random)
    reached = rugged(ours.numpy())
    theirs = [
        -differential_evolution(
            lambda points: -rugged(points.T),
            [(0, 1)] * dimensions,
            strategy="best1bin",
            recombination=1,
            mutation=(0.5, 1),
            popsize=population // dimensions,
            maxiter=generations - 1,
            tol=0,
            atol=-1,
            polish=False,
            updating="deferred",
            vectorized=True,
            rng=seed,
        ).fun
        for seed in range(runs)
    ]
    spread = np.std(np.concatenate([reached, theirs])) * np.sqrt(2 / runs)
    assert abs(reached.mean() - np.mean(theirs)) <= 3 * spread


def test_boundary_comes_as_near_as_foolboxs(model, waveforms):
    foolbox = pytest.importorskip("foolbox")
    labels = model(waveforms).argmax(1)
    wrapped = foolbox.PyTorchModel(model, bounds=(-1, 1), device="cpu")
    model.asked = 0
    with seeded("foolbox"):
        np.random.seed(0)  # noqa: NPY002
        _, theirs, fooled = foolbox.attacks.BoundaryAttack(steps=500)(wrapped, waveforms, labels, epsilons=None)
    queries = model.asked // len(waveforms)
    assert fooled.all()
    ours = Boundary(Budget(epsilon=2.0), queries=queries)(model, waveforms, labels)
    assert (model(ours).argmax(1) != labels).all()
    assert (ours - waveforms).norm(dim=1).mean() <= (theirs - waveforms).norm(dim=1).mean()


def art_classifier(model, shape):
    classification = pytest.importorskip("art.estimators.classification")

    class Reshaped(nn.Module):
        def forward(self, waveforms):
            return model(waveforms.flatten(1))

    return classification.PyTorchClassifier(
        Reshaped(), nn.CrossEntropyLoss(), shape, nb_classes=4, clip_values=(-1.0, 1.0), device_type="cpu"
    )


def test_boundary_comes_as_near_as_arts(model, waveforms):
    evasion = pytest.importorskip("art.attacks.evasion")
    labels = model(waveforms).argmax(1)
    attack = evasion.BoundaryAttack(
        art_classifier(model, (SIZE,)), targeted=False, max_iter=10, num_trial=3, sample_size=10, verbose=False
    )
    model.asked = 0
    np.random.seed(0)  # noqa: NPY002
    theirs = torch.from_numpy(attack.generate(waveforms.numpy()))
    queries = model.asked // len(waveforms)
    ours = Boundary(Budget(epsilon=2.0), queries=queries)(model, waveforms, labels)
    assert (model(ours).argmax(1) != labels).all()
    assert (ours - waveforms).norm(dim=1).mean() <= (theirs - waveforms).norm(dim=1).mean()


def test_pixel_lowers_the_margin_as_much_as_arts(model, waveforms):
    evasion = pytest.importorskip("art.attacks.evasion")
    waveforms = waveforms[:4]
    labels = model(waveforms).argmax(1)
    attack = evasion.PixelAttack(art_classifier(model, (1, 1, SIZE)), th=5, es=1, max_iter=5, verbose=False)
    model.asked = 0
    np.random.seed(0)  # noqa: NPY002
    images = waveforms.reshape(4, 1, 1, SIZE).numpy()
    theirs = torch.from_numpy(attack.generate(images, np.eye(4)[labels])).reshape(4, SIZE).float()
    queries = model.asked // len(waveforms)
    ours = Pixel(Budget(epsilon=2.0), samples=5, queries=queries, population=390, levels=256)(model, waveforms, labels)
    assert ((ours != waveforms).sum(1) <= 5).all()
    fooled = [(model(found).argmax(1) != labels).sum() for found in (ours, theirs)]
    assert fooled[0] >= fooled[1]
    assert margin(model(ours), labels).mean() <= max(0.0, float(margin(model(theirs), labels).mean()))
