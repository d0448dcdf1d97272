"""The settings and functions that sparse gradient attacks share."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.objectives import Objective, succeeded
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.waveforms import top_positions


@dataclass(frozen=True)
class SparseAscent(Attack):
    """Base class of attacks on few samples that return the best point they evaluated; each explains its settings."""

    access = "gradient"
    norms = ("l0", "linf")
    targetable = True

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    steps: int = 100
    objective: Objective = "margin"
    targeted: bool = False

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.steps < 1:
            raise StaanetError(f"expected steps of 1 or more, got {self.steps}")


def l1_normalise(gradients: Tensor) -> Tensor:
    """Return each clip's gradient `[B, T]` divided by its L1 norm, so that the confidence of the model cancels out.

    >>> l1_normalise(torch.tensor([[3.0, -1.0], [0.0, 0.0]]))
    tensor([[ 0.7500, -0.2500],
            [ 0.0000,  0.0000]])
    """
    return gradients / gradients.abs().sum(1, keepdim=True).clamp_min(torch.finfo(gradients.dtype).tiny)


def l0_norm(perturbations: Tensor) -> Tensor:
    """Return the number of samples that perturbations `[B, T]` change, `[B]`.

    >>> l0_norm(torch.tensor([[0.1, 0.0, -0.2]]))
    tensor([2])
    """
    return (perturbations != 0).sum(1)


def prune(best: BestSoFar, labels: Tensor, targeted: bool = False) -> None:
    """Undo as many of the least important changes of each successful perturbation as its success allows.

    The importance of a change is its product with the gradient at the best point, which takes one more gradient per
    clip. The number of changes to keep is found by bisection, in as many forward passes as that number has binary
    digits.
    """
    rows = best.succeeded.nonzero()[:, 0]
    if not len(rows):
        return
    perturbations = best.perturbations[rows]
    importance = best.value_and_grad(perturbations, rows).gradients * perturbations
    few, enough = torch.zeros_like(rows), l0_norm(perturbations)
    while ((enough - few) > 1).any():
        half = (few + enough) // 2
        kept = perturbations * top_positions(importance, half, perturbations != 0)
        hits = succeeded(best.evaluate(kept, rows), labels[rows], targeted)
        few, enough = torch.where(hits, few, half), torch.where(hits, half, enough)
