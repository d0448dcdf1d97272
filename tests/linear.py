"""Linear victims, on which the best that an attack can do is known in closed form."""

import torch

from staanet.core.classifier import margin
from staanet.core.seeds import seeded

SIZE = 640


def linear(classes):
    """Return weights [T, K] and the victim that they make."""
    with seeded("weights", classes):
        weights = torch.randn(SIZE, classes)
    return weights, lambda waveforms: waveforms @ weights


def fall(victim, waveforms, adversarial, labels):
    """Return how far the margins of the labels fall, [B]."""
    return margin(victim(waveforms), labels) - margin(victim(adversarial), labels)
