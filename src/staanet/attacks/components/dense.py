"""What dense gradient attacks share: where the changes may go, and the settings of an ascent."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from staanet.attacks.base import Attack
from staanet.attacks.components.objectives import Objective
from staanet.attacks.components.search import Room
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError

Norm = Literal["linf", "l2"]


class Region(NamedTuple):
    """Where the changes of each clip may go: room for each sample, and, for `l2`, a ball."""

    room: Room
    reach: Tensor
    """`[B, 1]`, the length of a full step: epsilon, or the radius of the ball."""
    norm: Norm

    def rows(self, rows: Tensor) -> "Region":
        """Return the region of some clips."""
        return Region(self.room.rows(rows), self.reach[rows], self.norm)

    def uphill(self, gradients: Tensor) -> Tensor:
        """Return full steps `[B, T]` along the gradients or their signs."""
        if self.norm == "linf":
            return self.reach * gradients.sign()
        free = gradients * (self.room.high > self.room.low)
        largest = free.abs().amax(1, keepdim=True).clamp_min(torch.finfo(free.dtype).tiny)
        return self.reach * functional.normalize(free / largest, dim=1)

    def project(self, perturbations: Tensor) -> Tensor:
        """Return perturbations `[B, T]` cut to the room and then, for `l2`, shrunk to the ball."""
        cut = self.room.clamp(perturbations)
        if self.norm == "linf":
            return cut
        sizes: Tensor = torch.linalg.vector_norm(cut, dim=1, keepdim=True)
        return cut * (self.reach / sizes.clamp_min(torch.finfo(cut.dtype).tiny)).clamp_max(1)


@dataclass(frozen=True)
class GradientAscent(Attack):
    """The settings of an attack that climbs an objective within the budget.

    Args:
        budget: size and share of the samples.
        norm: `linf` for steps by the sign of the gradient, `l2` for steps along it.
        rms: for `l2`, the largest root mean square of the change over the samples that may change, as a share of
            epsilon, in (0, 1]; with 1, epsilon alone bounds them.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
    """

    access = "gradient"
    norms = ("linf", "l2")
    targetable = True

    budget: Budget = Budget(snr_db=17.0)
    norm: Norm = "linf"
    rms: float = 1.0
    objective: Objective = "cross_entropy"
    targeted: bool = False

    def __post_init__(self) -> None:
        """Refuse a ball that means nothing."""
        if not 0 < self.rms <= 1:
            raise StaanetError(f"expected rms in (0, 1], got {self.rms}; it is a share of epsilon")
        if self.norm == "linf" and self.rms != 1:
            raise StaanetError(f"expected rms for the norm l2 only, got rms {self.rms} for linf; leave it out")

    def region(self, model: Classifier, waveforms: Tensor, lengths: Tensor, gradients: Tensor | None) -> Region:
        """Return where the changes may go; `gradients` `[B, T]` choose the samples where the sparsity is below 1."""
        epsilon, counts = self.budget.resolve(waveforms, lengths)
        reach = epsilon if self.norm == "linf" else self.rms * epsilon * counts[:, None].sqrt()
        room = Room.of(self.budget, model, waveforms, lengths)
        if self.budget.sparsity < 1 and gradients is not None:
            room = room.at(room.promising(gradients))
        return Region(room, reach, self.norm)
