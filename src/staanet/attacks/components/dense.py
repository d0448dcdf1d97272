"""The settings of dense gradient attacks, and the set of perturbations that their norm and budget allow."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from staanet.attacks.base import Attack
from staanet.attacks.components.box import Box
from staanet.attacks.components.objectives import Objective
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError

Norm = Literal["linf", "l2"]


class FeasibleSet(NamedTuple):
    """The perturbations that an attack may return: those in a box and, for `l2`, also in a Euclidean ball."""

    box: Box
    radius: Tensor
    """Length of a full step, `[B, 1]`: epsilon for `linf`, the radius of the ball for `l2`."""
    norm: Norm

    def rows(self, rows: Tensor) -> "FeasibleSet":
        """Return the feasible set of the clips with the indices `rows` `[b]`."""
        return FeasibleSet(self.box.rows(rows), self.radius[rows], self.norm)

    def full_step(self, gradients: Tensor) -> Tensor:
        """Return a step `[B, T]` of full length along the signs of the gradients or, for `l2`, along the gradients."""
        if self.norm == "linf":
            return self.radius * gradients.sign()
        free = gradients * (self.box.high > self.box.low)
        largest = free.abs().amax(1, keepdim=True).clamp_min(torch.finfo(free.dtype).tiny)
        return self.radius * functional.normalize(free / largest, dim=1)

    def project(self, perturbations: Tensor) -> Tensor:
        """Return perturbations `[B, T]` clamped to the box and then, for `l2`, scaled down to the ball."""
        clamped = self.box.clamp(perturbations)
        if self.norm == "linf":
            return clamped
        norms: Tensor = torch.linalg.vector_norm(clamped, dim=1, keepdim=True)
        return clamped * (self.radius / norms.clamp_min(torch.finfo(clamped.dtype).tiny)).clamp_max(1)


@dataclass(frozen=True)
class GradientAscent(Attack):
    """Base class of attacks by gradient ascent within the budget; each explains its settings."""

    access = "gradient"
    norms = ("linf", "l2")
    targetable = True

    budget: Budget = Budget(snr_db=17.0)
    norm: Norm = "linf"
    rms: float = 1.0
    objective: Objective = "cross_entropy"
    targeted: bool = False

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not 0 < self.rms <= 1:
            raise StaanetError(f"expected rms in (0, 1], got {self.rms}; it is a fraction of epsilon")
        if self.norm == "linf" and self.rms != 1:
            raise StaanetError(f"expected rms for the norm l2 only, got rms {self.rms} for linf; remove rms")

    def feasible_set(
        self, model: Classifier, waveforms: Tensor, lengths: Tensor, gradients: Tensor | None
    ) -> FeasibleSet:
        """Return the feasible set around waveforms `[B, T]`.

        Where the sparsity is below 1, only the samples with the largest gain by `gradients` `[B, T]` may change.
        """
        box = Box.of(self.budget, model, waveforms, lengths)
        radius = box.epsilon if self.norm == "linf" else self.rms * box.epsilon * box.counts[:, None].sqrt()
        if self.budget.sparsity < 1 and gradients is not None:
            box = box.restricted_to(box.top_by_gain(gradients))
        return FeasibleSet(box, radius, self.norm)
