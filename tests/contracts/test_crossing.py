"""Attacks that stop at a decision boundary end beyond it by a margin that survives saving and other batches."""

import numpy as np
import pytest
import torch
from torch import nn

from staanet.attacks import ATTACKS, ArtAttack, Contrastive, FakeBob, SparseRS, create_attack
from staanet.attacks.components.dense import GradientAscent
from staanet.attacks.components.few_samples import FewSamples
from staanet.attacks.components.sparse import SparseAscent
from staanet.attacks.staa_net import GeneratorAttack
from staanet.audio.files import as_saved
from staanet.core.classifier import margin
from staanet.core.seeds import seeded
from tiny import TINY_ATTACKS

LEAST = 1e-4
"""Smallest margin of a fooled clip, as a share of the spread of its logits."""
SIZE = 256

STRONGEST = (GradientAscent, SparseAscent, FewSamples, ArtAttack, Contrastive, FakeBob, GeneratorAttack, SparseRS)
"""Attacks that return the strongest of the perturbations that they tried, however little that is beyond a boundary."""
MINIMAL = [
    name
    for name, cls in ATTACKS.items()
    if cls.access != "none" and cls.reference != "control" and not issubclass(cls, STRONGEST)
]
CASES = [(name, preset) for name in MINIMAL for preset in ("default", *ATTACKS[name].presets)]
GRADIENT = [(name, preset) for name, preset in CASES if ATTACKS[name].access == "gradient"]
TARGETED = [(name, preset) for name, preset in CASES if ATTACKS[name].targetable]


def test_includes_the_attacks_that_minimise_a_norm():
    assert {"boundary", "cw_l2", "cw_linf", "deepfool", "fmn", "jsma", "sigma_zero", "sparsefool"} <= set(MINIMAL)


@pytest.fixture
def network():
    """A random network of 256 samples and four classes."""
    with seeded("victim"):
        layers = nn.Sequential(nn.Linear(SIZE, 32), nn.Tanh(), nn.Linear(32, 4))
    return layers.eval().requires_grad_(False)


@pytest.fixture
def noises():
    """Clips for the network, [96, 256]."""
    with seeded("clips"):
        return torch.rand(96, SIZE) - 0.5


def build(name, preset, **settings):
    if preset != "default":
        settings["preset"] = preset
    return create_attack(name, epsilon=0.07, sparsity=0.25, **{**TINY_ATTACKS.get(name, {}), **settings})


def saved(waveforms):
    return torch.from_numpy(np.stack([as_saved(clip.numpy(), 16_000) for clip in waveforms]))


def shares(logits, labels):
    """Return the margin of each clip beyond the boundary as a share of the spread of its logits."""
    return -margin(logits, labels) / (logits.amax(1) - logits.amin(1))


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_fooled_clips_are_clearly_fooled(case, network, noises):
    labels = network(noises).argmax(1)
    adversarial = build(*case)(network, noises, labels)
    for clips in (adversarial, saved(adversarial)):
        found = shares(network(clips), labels)
        assert (found[found >= 0] >= LEAST).all()


@pytest.mark.parametrize("case", GRADIENT, ids="-".join)
def test_no_clip_is_lost_on_the_boundary(case, network, noises):
    labels = network(noises).argmax(1)
    found = shares(network(saved(build(*case)(network, noises, labels))), labels)
    assert not ((found > -1e-3) & (found < 0)).any()


@pytest.mark.parametrize("case", TARGETED, ids="-".join)
def test_reached_targets_are_clearly_reached(case, network, noises):
    goals = network(noises).topk(2).indices[:, 1]
    reached = -shares(network(saved(build(*case, targeted=True)(network, noises, goals))), goals)
    assert (reached[reached >= 0] >= LEAST).all()
