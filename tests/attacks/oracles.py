"""Comparisons with other libraries' attacks at equal budgets and cost."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from staanet.attacks import create_attack
from staanet.core.classifier import margin
from staanet.core.seeds import seeded

SIZE, CLASSES = 256, 4
EPSILON, STEPS, RADIUS = 0.07, 20, 0.8
BALL = {"norm": "l2", "epsilon": 1.0, "rms": RADIUS / SIZE**0.5}
"""A Euclidean ball in which epsilon bounds nothing."""

SPARSE_CLIPS = 48
SPARSE = {"epsilon": 0.2, "sparsity": 12 / SIZE}
UNBOUNDED = {"epsilon": 2.0, "sparsity": 1.0}
FEW = 4 / SIZE

FOOLED = {
    ("spgd", "unprojected"): 37,  # CityU-MLO/sPGD 6624853, alpha = beta = 0.25
    ("spgd", "projected"): 34,
    ("pgd0", None): 37,  # fra31/sparse-imperceivable-attacks 57c23ea, step 120000 / 255, the strongest of three
}
"""Number of the 48 clips of `mlp_clips` that the authors' code fools, on `mlp`, within SPARSE and with 50 gradients.
Their inputs are images in [0, 1]: x = 2 p - 1, and epsilon is halved."""


def tones(number):
    """Return noisy tones `[number, SIZE]` of four pitches, and the pitch of each as its label."""
    labels = torch.arange(number) % CLASSES
    pitch = torch.tensor([4.0, 6.0, 9.0, 13.0])[labels] * (1 + 0.1 * torch.randn(number))
    phase = 2 * torch.pi * (pitch[:, None] * torch.arange(SIZE) / SIZE + torch.rand(number, 1))
    return (0.4 * phase.sin() + 0.1 * torch.randn(number, SIZE)).clamp(-1, 1), labels


def by_art(name, art_model, clips, **settings):
    """Return the adversarial clips of an attack of ART."""
    attacks = pytest.importorskip("art.attacks.evasion")
    waveforms, labels = clips
    np.random.seed(0)  # noqa: NPY002 (ART draws from it)
    attack = getattr(attacks, name)(art_model, batch_size=len(labels), **settings)
    return torch.from_numpy(attack.generate(waveforms.numpy(), functional.one_hot(labels).numpy()))


def by_foolbox(name, foolbox_model, clips, epsilon, **settings):
    """Return the adversarial clips of an attack of Foolbox."""
    attacks = pytest.importorskip("foolbox").attacks
    with seeded("foolbox"):
        raw, _, _ = getattr(attacks, name)(**settings)(foolbox_model, *clips, epsilons=epsilon)
    return raw


def ours(name, model, clips, **settings):
    """Return the adversarial clips of an attack of this library."""
    return create_attack(name, **{"epsilon": EPSILON, "sparsity": 1.0, **settings})(model, *clips)


def check_as_strong(model, clips, mine, theirs, slack=0.02):
    """Ours fools every clip that theirs fools, but for one, and the margin falls as far on average."""
    labels = clips[1]
    after, before = margin(model(mine), labels), margin(model(theirs), labels)
    assert (after < 0).sum() >= (before < 0).sum()
    assert ((before < 0) & (after >= 0)).sum() <= 1
    fall = margin(model(clips[0]), labels)
    assert (fall - after).mean() >= (1 - slack) * (fall - before).mean()


def check_as_small(model, clips, mine, theirs, order, slack=0.02):
    """Ours fools every clip that theirs fools, with perturbations that are no larger on average."""
    waveforms, labels = clips
    both = model(theirs).argmax(1) != labels
    assert both.float().mean() > 0.5
    assert (model(mine).argmax(1) != labels)[both].all()
    sizes = [(found - waveforms)[both].norm(order, dim=1).mean() for found in (mine, theirs)]
    assert sizes[0] <= (1 + slack) * sizes[1]


def check_as_strong_as_foolbox(name, other, model, clips, foolbox_model, **settings):
    """An ascent with STEPS steps is as strong as one of Foolbox with as many."""
    epsilon = RADIUS if "norm" in settings else EPSILON
    theirs = by_foolbox(other, foolbox_model, clips, epsilon, steps=STEPS, rel_stepsize=0.1)
    check_as_strong(model, clips, ours(name, model, clips, steps=STEPS, **settings), theirs)


def fooled_by(name, model, waveforms, **settings):
    """Return how many clips an attack fools within SPARSE and with 50 gradients."""
    labels = model(waveforms).argmax(1)
    adversarial = create_attack(name, steps=50, **settings, **SPARSE)(model, waveforms, labels)
    return (model(adversarial).argmax(1) != labels).sum()


def changed(adversarial, waveforms):
    """Return the number of samples that differ by more than rounding errors, [B]."""
    return ((adversarial - waveforms).abs() > 1e-6).sum(1)


class Images(nn.Module):
    """A model of waveforms as a model of images in [0, 1]."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(2 * images.flatten(1).float() - 1)


class CountingNetwork(nn.Module):
    """A small network of waveforms `[B, 128]` that counts its queries."""

    SIZE = 128

    def __init__(self):
        super().__init__()
        with seeded("victim"):
            self.layers = nn.Sequential(nn.Linear(self.SIZE, 32), nn.Tanh(), nn.Linear(32, 4))
        self.queries = 0

    def forward(self, waveforms):
        self.queries += len(waveforms)
        return self.layers(waveforms.float())


def art_classifier(model, shape):
    """Return a model of waveforms as a classifier of ART for clips of a shape."""
    classification = pytest.importorskip("art.estimators.classification")

    class Reshaped(nn.Module):
        def forward(self, waveforms):
            return model(waveforms.flatten(1))

    return classification.PyTorchClassifier(
        Reshaped(), nn.CrossEntropyLoss(), shape, nb_classes=4, clip_values=(-1.0, 1.0), device_type="cpu"
    )
