"""The head of the Whisper model: a linear classifier of the standardised means of all layers."""

import torch
from torch import Tensor, nn

SMALLEST = 1e-5
"""Smallest deviation by which a feature is divided, so that a feature that never varies stays finite."""

LEFT_OUT = torch.finfo(torch.float32).max
"""Deviation that marks the features of a layer that is left out, which become 0: the largest number."""

START = 1e-3
"""Deviation of the initial weights: small, so that decisions come from training and not from random weights."""


class LayerHead(nn.Module):
    """Linear classifier of the standardised features of all layers, each of which has a learnt weight.

    The weights of the layers are a softmax, multiplied by their number, so that they begin at 1.

    Args:
        layers: Number of layers.
        size: Number of features of a layer.
        classes: Number of classes.

    Shape: `[B, layers, size]` -> `[B, classes]`.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, layers: int, size: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(layers, size))
        self.register_buffer("scale", torch.ones(layers, size))
        self.layer_weights = nn.Parameter(torch.zeros(layers))
        self.linear = nn.Linear(layers * size, classes)
        nn.init.normal_(self.linear.weight, std=START)
        nn.init.zeros_(self.linear.bias)

    def fit(self, features: Tensor, first: int = 0) -> None:
        """Set mean and standard deviation of each feature to those of training clips `[N, layers, size]`.

        Args:
            features: Features of the clips.
            first: First layer that is used; the standardised features of those before it are 0.
        """
        deviation, mean = torch.std_mean(features.double(), 0, correction=0)
        self.centre.copy_(mean)
        self.scale.copy_(deviation.clamp_min(SMALLEST))
        self.scale[:first] = LEFT_OUT

    def represent(self, features: Tensor) -> Tensor:
        """Return the weighted, standardised features `[B, layers * size]`."""
        weights = self.layer_weights.softmax(0) * len(self.layer_weights)
        weighted: Tensor = weights[:, None] * (features - self.centre) / self.scale
        return weighted.where(self.scale < LEFT_OUT, 0.0).flatten(1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits `[B, classes]` of features `[B, layers, size]`."""
        logits: Tensor = self.linear(self.represent(features))
        return logits
