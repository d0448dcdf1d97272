"""A comb: the same few samples of every period, one value for each; a control for attacks that choose positions."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.sparse import SparseAscent, l1_normalise
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions, valid_samples

MOMENTUM = 0.9
"""Weight of the past in the running mean of the gradient."""


@dataclass(frozen=True)
class Comb(SparseAscent):
    """The best phases of a period, as many as the budget allows, each with one change wherever it recurs.

    This is a control: an attack that chooses positions and values for each clip should do better than a comb. Each clip
    has a comb of its own, optimised by sign steps along the gradient summed over all periods of the clip. If the budget
    allows less than one sample per period, the period is lengthened by a whole factor until it allows one.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        steps: Number of gradients per clip, at least 1.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.
        period: Period in samples, at least 1. The default, 256, is the stride of the compact generator.
        step_size: Size of a step as a fraction of epsilon.

    >>> from staanet.core.budget import Budget
    >>> comb = Comb(Budget(epsilon=0.1, sparsity=0.25), steps=2, period=4)
    >>> weights = torch.tensor([[0.0, 1.0, 0.0, 0.0, 0.5, 1.0, 0.5, 0.0], [0.0] * 8]).T
    >>> comb(lambda x: x @ weights, torch.zeros(1, 8), torch.tensor([0]))
    tensor([[ 0.0000, -0.0500,  0.0000,  0.0000,  0.0000, -0.0500,  0.0000,  0.0000]])
    """

    name = "comb"
    reference = "control"

    period: int = 256
    step_size: float = 0.25

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if self.period < 1 or not 0 < self.step_size < float("inf"):
            raise StaanetError(
                f"expected a period of 1 or more and a step_size above 0, got {self.period} and {self.step_size}"
            )

    def perturb(self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, _: ClipRandom) -> Tensor:
        """Return the best adversarial waveforms found, `[B, T]`."""
        best = BestSoFar(model, waveforms, labels, lengths, self.objective, self.targeted)
        box = Box.of(self.budget, model, waveforms, lengths)
        periods = self.period * -(-recurrences(lengths, self.period) // box.counts)  # [B]
        phases = torch.arange(waveforms.shape[1], device=waveforms.device) % periods[:, None]  # [B, T]
        counts = box.counts // recurrences(lengths, periods)
        exist = valid_samples(torch.minimum(periods, lengths), int(periods.max()))  # [B, P]
        values, mask, mean = torch.zeros(3, *exist.shape, dtype=waveforms.dtype, device=waveforms.device)
        for _step in range(self.steps):
            perturbations = box.clamp(box.epsilon * (values * mask).gather(1, phases))
            gradients = l1_normalise(best.value_and_grad(perturbations).gradients)
            summed = torch.zeros_like(mean).scatter_add(1, phases, gradients)
            mean = MOMENTUM * mean + (1 - MOMENTUM) * summed
            mask = top_positions(mean.abs(), counts, exist)
            values = (values + self.step_size * mean.sign()).clamp(-1, 1)
        best.evaluate(box.clamp(box.epsilon * (values * mask).gather(1, phases)))
        return best.adversarial


def recurrences(lengths: Tensor, periods: Tensor | int) -> Tensor:
    """Return how often the first phase of a period occurs in clips of these lengths, `[B]`."""
    return -(-lengths // periods)
