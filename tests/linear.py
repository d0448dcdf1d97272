"""Linear models, on which the best that an attack can do is known in closed form."""

import torch

from staanet.core.classifier import margin
from staanet.core.seeds import seeded

SIZE = 640


def linear(classes):
    """Return weights [T, K] and the model that they make."""
    with seeded("weights", classes):
        weights = torch.randn(SIZE, classes)
    return weights, lambda waveforms: waveforms @ weights


def fall(model, waveforms, adversarial, labels):
    """Return how far the margins of the labels fall, [B]."""
    return margin(model(waveforms), labels) - margin(model(adversarial), labels)
