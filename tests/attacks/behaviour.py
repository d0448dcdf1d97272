"""Checks of what attacks cost and of how they behave on small, special models."""

import torch

from staanet.attacks import create_attack
from staanet.core.seeds import seeded

BUDGET = {"epsilon": 0.05, "sparsity": 0.1}
ZERO = torch.tensor([0])


class CountingClips:
    """A classifier that counts the clips it evaluates."""

    def __init__(self, function):
        self.function = function
        self.evaluated = 0

    def __call__(self, waveforms):
        self.evaluated += len(waveforms)
        return self.function(waveforms)


class CountingGradients:
    """A model that counts, clip by clip, how many gradients are taken of it."""

    def __init__(self, model):
        self.model, self.gradients = model, 0

    def __call__(self, waveforms, lengths):
        logits = self.model(waveforms, lengths)
        if logits.requires_grad:
            logits.register_hook(lambda gradient: self.add(len(gradient)))
        return logits

    def add(self, clips):
        self.gradients += clips


def hill(waveforms):
    """Two classes; the second wins if the sample is between 0.5 and 0.52."""
    height = 0.01 - (waveforms[:, 0] - 0.51).abs()
    return torch.stack([torch.zeros_like(height), height], dim=1)


def steadfast(waveforms):
    """Two classes; the first always wins, and the logit of the second rises with the samples."""
    return torch.stack([100 - waveforms.sum(1), waveforms.sum(1)], dim=1)


def evaluations(name, waveforms, sparsity, **settings):
    """Return how often an attack that cannot succeed evaluates its clip."""
    model = CountingClips(steadfast)
    create_attack(name, epsilon=0.5, sparsity=sparsity, **settings)(model, waveforms[:1], ZERO)
    return model.evaluated


def gradients_of_12_steps(name, model, clips):
    """Return how many gradients an attack with 12 steps takes of three clips that it hardly may change."""
    waveforms, lengths, _ = clips
    counted = CountingGradients(model)
    labels = model(waveforms, lengths).argmax(1)
    create_attack(name, steps=12, epsilon=1e-4, sparsity=0.1)(counted, waveforms, labels, lengths)
    return counted.gradients


def check_fooled_clips_stay(name, model, clips):
    """A clip that already fools the model is returned as it is."""
    waveforms, lengths, _ = clips
    labels = model(waveforms, lengths).argmin(1)
    assert torch.equal(create_attack(name, steps=4, **BUDGET)(model, waveforms, labels, lengths), waveforms)


def check_flat_model(name, clips, **settings):
    """A model whose gradient is zero everywhere gives finite waveforms."""
    waveforms, lengths, labels = clips

    def flat(waveforms):
        return torch.tensor([[3.0, 2.0, 1.0]]) + 0 * waveforms[:, :3]

    adversarial = create_attack(name, **BUDGET, **settings)(flat, waveforms, labels * 0, lengths)
    assert torch.isfinite(adversarial).all()


def check_memory_is_linear(name):
    """A long clip works: one number per pair of its samples would take 160 GB."""
    waveforms = torch.zeros(1, 200_000)
    with seeded("weights"):
        weights = torch.randn(200_000, 2)
    adversarial = create_attack(name, epsilon=0.1, sparsity=0.001, steps=3)(
        lambda waveforms: waveforms @ weights + torch.tensor([0.5, 0.0]), waveforms, torch.tensor([0])
    )
    assert 0 < (adversarial != 0).sum() <= 200


def check_restarts(name):
    """Only clips without success restart: the first is fooled from any point, the second never."""
    model = CountingClips(lambda waveforms: torch.stack([10 * waveforms[:, 0], waveforms[:, 1] - 0.3], dim=1))
    waveforms = torch.tensor([[-0.5, 0.0], [0.5, 0.0]])
    found = create_attack(name, epsilon=0.1, sparsity=1.0, steps=7, restarts=3)(model, waveforms, torch.tensor([0, 0]))
    assert model.function(found).argmax(1).tolist() == [1, 0]
    assert model.evaluated == (1 + 3) * (7 + 1)
