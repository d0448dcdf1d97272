"""Auto-PGD: PGD with momentum that adapts its own step sizes (https://arxiv.org/abs/2003.01690)."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.dense import FeasibleSet
from staanet.attacks.pgd import PGD
from staanet.core.errors import StaanetError

MOMENTUM = 0.75
"""Weight of the new step; the previous step has the weight 0.25 (the paper's values)."""
PROGRESS = 0.75
"""Share of the steps since the last checkpoint that must raise the objective (the paper's value)."""


def checkpoints(steps: int) -> dict[int, int]:
    """Return the steps after which progress is checked, each with the number of steps since the previous check.

    >>> checkpoints(100)
    {22: 22, 41: 19, 57: 16, 70: 13, 80: 10, 87: 7, 93: 6, 99: 6}
    """
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    ends = [math.ceil(round(share * steps, 6)) for share in shares]
    return {end: end - before for before, end in pairwise(ends) if before < end < steps}


class Point(NamedTuple):
    """A point of the ascent of each clip."""

    perturbations: Tensor  # [N, T]
    gradients: Tensor  # [N, T]
    values: Tensor  # [N, 1]

    def where(self, mask: Tensor, other: "Point") -> "Point":
        """Return this point for the clips of a mask `[N, 1]`, the other point for the remaining clips."""
        return Point(*(torch.where(mask, mine, theirs) for mine, theirs in zip(self, other, strict=True)))


@dataclass(frozen=True)
class APGD(PGD):
    """PGD with momentum that, when it stalls, halves its step and resumes from its best point.

    Source: F. Croce, M. Hein, ICML 2020, algorithm 1. All other settings are those of `PGD`. The first step of twice
    epsilon and the 100 steps are the authors'; their code starts once, from a random point, where the default here is 3
    restarts.

    Args:
        objective: Objective that the attack maximises; the paper uses `cross_entropy` and `dlr`.
        step_size: Size of the first steps as a fraction of epsilon; for `l2`, of the radius of the ball.
    """

    name = "apgd"
    reference = "arXiv 2003.01690"
    presets: ClassVar = {}

    step_size: float = 2.0

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if self.momentum or self.diversity or self.noise:
            raise StaanetError(
                f"expected no momentum, diversity and noise for {self.name}, which has a momentum of its own and "
                "compares values between steps; use pgd"
            )

    def ascend(self, best: BestSoFar, feasible: FeasibleSet, perturbations: Tensor, rows: Tensor) -> None:
        """Take the steps from perturbations `[N, T]` of the clips `rows` `[N]`, within their feasible set."""
        checks = checkpoints(self.steps)
        step_sizes = torch.full_like(feasible.radius, self.step_size)
        halved = torch.ones_like(step_sizes, dtype=torch.bool)
        rises = torch.zeros_like(step_sizes)
        for step in range(self.steps):
            found = best.value_and_grad(perturbations, rows)
            new = Point(perturbations, found.gradients, found.values[:, None])
            if step == 0:
                current = top = new
                previous, last_top = perturbations, new.values
            rises = rises + (new.values > current.values)
            current, top = new, new.where(new.values > top.values, top)
            if step in checks:
                halved = (rises < PROGRESS * checks[step]) | (~halved & (top.values <= last_top))
                step_sizes = torch.where(halved, step_sizes / 2, step_sizes)
                current = top.where(halved, current)
                rises, last_top = torch.zeros_like(rises), top.values
            moved = feasible.project(current.perturbations + step_sizes * feasible.full_step(current.gradients))
            if step:
                moved = MOMENTUM * moved + (1 - MOMENTUM) * (2 * current.perturbations - previous)
            previous, perturbations = current.perturbations, feasible.project(moved)
        best.evaluate(perturbations, rows)
