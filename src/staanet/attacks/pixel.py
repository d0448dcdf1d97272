"""The Pixel attack: a few samples get new values by differential evolution (https://arxiv.org/abs/1906.06026)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.components.few_samples import FewSamples
from staanet.core.errors import StaanetError


@dataclass(frozen=True)
class Pixel(FewSamples):
    """Pairs of a position and a new value on a grid, optimised by differential evolution.

    Source: S. Kotyan, D. V. Vargas, 2019, as implemented in the Adversarial Robustness Toolbox, where new values are
    integers from 0 to 255 over the whole range of the input. Here a new value is a grid value within epsilon of the
    sample, clamped to what the budget allows. Of the original's two searches, CMA-ES and differential evolution, this
    attack has the second, which arXiv 2404.18514 used. The toolbox has about 400 individuals and makes 100 generations
    after the first; the defaults here are 30 and 1000 queries in all. The preset `systematic` has the settings of that
    paper with the largest of its thresholds, 10; the others are 1 and 5.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        samples: Number of samples to change (the threshold), at least 1; the budget may allow fewer.
        queries: Largest number of forward passes per clip. The attack runs as many whole generations as they allow.
        population: Number of individuals per generation, at least 4.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.
        levels: Number of grid values over the bounds of the model, both ends included. The default is the number of
            values of 16-bit audio.
    """

    name = "pixel"
    reference = "arXiv 1906.06026"
    presets: ClassVar = {
        "systematic": {
            "samples": 10,
            "queries": 21 * 390,
            "population": 390,
            "objective": "cross_entropy",
            "levels": 256,
        }
    }

    samples: int = 10
    levels: int = 65536

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if self.levels < 2:
            raise StaanetError(f"expected levels of 2 or more, got {self.levels}")

    def changes(self, genes: Tensor, samples: Tensor, low: Tensor, high: Tensor, bounds: tuple[float, float]) -> Tensor:
        """Return the changes between `low` and `high` that move `samples` to values of the grid."""
        least, most = bounds
        step = (most - least) / (self.levels - 1)
        values = least + torch.round((samples + low + genes * (high - low) - least) / step) * step
        return (values - samples).clamp(low, high)
