"""The Pixel attack: a few samples get new values by differential evolution (https://arxiv.org/abs/1906.06026)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.components.few_samples import FewSamples
from staanet.core.errors import StaanetError


@dataclass(frozen=True)
class Pixel(FewSamples):
    """Tuples of a position and a new value on a grid, that differential evolution makes better.

    Source: S. Kotyan, D. V. Vargas, 2019, as the Adversarial Robustness Toolbox has it: new values are whole numbers of
    0 to 255 over the whole range of the input. Here those within epsilon of the sample, or the nearest that the budget
    allows. Of its two searches, CMA-ES and differential evolution, the second is here: it is what arXiv 2404.18514
    used. Its settings are the preset `systematic`, with the largest of its thresholds, 10; the others are 1 and 5.

    Args:
        budget: size and share of the samples.
        samples: how many change (the threshold), at most as many as the budget allows.
        queries: most forward passes per clip; whole generations of them are used.
        population: individuals per generation.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
        levels: values on the grid over the model's bounds, [-1, 1] of waveforms, ends included.
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
        """Refuse a grid of nothing."""
        super().__post_init__()
        if self.levels < 2:
            raise StaanetError(f"expected levels of 2 or more, got {self.levels}")

    def changes(self, genes: Tensor, samples: Tensor, low: Tensor, high: Tensor, bounds: tuple[float, float]) -> Tensor:
        """Return what is added to `samples` to get new values of the grid, between `low` and `high`."""
        least, most = bounds
        step = (most - least) / (self.levels - 1)
        values = least + torch.round((samples + low + genes * (high - low) - least) / step) * step
        return (values - samples).clamp(low, high)
