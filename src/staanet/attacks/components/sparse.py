"""What attacks share that climb an objective on as many samples as the budget allows."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.objectives import Objective, reached
from staanet.attacks.components.search import Search
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.waveforms import top_positions


@dataclass(frozen=True)
class SparseAscent(Attack):
    """The settings of an attack that climbs an objective on some samples and returns the best point of its way.

    Args:
        budget: size and share of the samples.
        steps: gradients per clip.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
    """

    access = "gradient"
    norms = ("l0", "linf")
    targetable = True

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    steps: int = 100
    objective: Objective = "margin"
    targeted: bool = False

    def __post_init__(self) -> None:
        """Refuse settings with which nothing moves."""
        if self.steps < 1:
            raise StaanetError(f"expected steps of 1 or more, got {self.steps}")


def even(gradients: Tensor) -> Tensor:
    """Return each clip's gradient `[B, T]` over the sum of its absolute values, so that no clip's confidence counts.

    >>> even(torch.tensor([[3.0, -1.0], [0.0, 0.0]]))
    tensor([[ 0.7500, -0.2500],
            [ 0.0000,  0.0000]])
    """
    return gradients / gradients.abs().sum(1, keepdim=True).clamp_min(torch.finfo(gradients.dtype).tiny)


def changed(perturbations: Tensor) -> Tensor:
    """Return how many samples perturbations `[B, T]` change, `[B]`.

    >>> changed(torch.tensor([[0.1, 0.0, -0.2]]))
    tensor([2])
    """
    return (perturbations != 0).sum(1)


def thin(search: Search, labels: Tensor, targeted: bool = False) -> None:
    """Leave out, of clips that were reached, the changes that carry least, as long as they stay reached.

    What a change carries is said by the gradient where the search came to: one more gradient. Then by bisection, with
    as many forward passes as the number of changed samples has binary digits.
    """
    rows = search.reached.nonzero()[:, 0]
    if not len(rows):
        return
    perturbations = search.perturbations[rows]
    carried = search.climb(perturbations, rows).gradients * perturbations
    few, enough = torch.zeros_like(rows), changed(perturbations)
    while ((enough - few) > 1).any():
        half = (few + enough) // 2
        kept = perturbations * top_positions(carried, half, perturbations != 0)
        hits = reached(search.look(kept, rows), labels[rows], targeted)
        few, enough = torch.where(hits, few, half), torch.where(hits, half, enough)
