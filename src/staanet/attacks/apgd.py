"""Auto-PGD: PGD with momentum that finds its own step sizes (https://arxiv.org/abs/2003.01690)."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from staanet.attacks.components.dense import Region
from staanet.attacks.components.search import Search
from staanet.attacks.pgd import PGD

MOMENTUM = 0.75
"""Weight of the new step, against 0.25 of the one before (the paper's)."""
PROGRESS = 0.75
"""Share of the steps since the last checkpoint that have to rise (the paper's)."""


def checkpoints(steps: int) -> dict[int, int]:
    """Return the steps at which progress is judged, each with its distance from the one before.

    >>> checkpoints(100)
    {22: 22, 41: 19, 57: 16, 70: 13, 80: 10, 87: 7, 93: 6, 99: 6}
    """
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    ends = [math.ceil(round(share * steps, 6)) for share in shares]
    return {end: end - before for before, end in pairwise(ends) if before < end < steps}


class Place(NamedTuple):
    """Where the ascent of each clip is or was."""

    perturbations: Tensor  # [N, T]
    gradients: Tensor  # [N, T]
    values: Tensor  # [N, 1]

    def where(self, mask: Tensor, other: "Place") -> "Place":
        """Return this place for the clips of a mask `[N, 1]`, the other for the rest."""
        return Place(*(torch.where(mask, mine, theirs) for mine, theirs in zip(self, other, strict=True)))


@dataclass(frozen=True)
class APGD(PGD):
    """PGD with momentum; where it stalls, the step is halved and the ascent goes on from its best point.

    Source: F. Croce, M. Hein, ICML 2020, algorithm 1. All else is as in `PGD`, whose settings it has.

    Args:
        objective: what to make grow; the paper's are `cross_entropy` and `dlr`.
        step_size: of the first steps, as a share of epsilon; for `l2`, of the largest Euclidean norm.
    """

    name = "apgd"
    reference = "arXiv 2003.01690"
    presets: ClassVar = {}

    step_size: float = 2.0

    def climb(self, search: Search, region: Region, perturbations: Tensor, rows: Tensor) -> None:
        """Take the steps from perturbations `[N, T]` of the clips `rows` `[N]`; `region` is theirs."""
        judged = checkpoints(self.steps)
        sizes = torch.full_like(region.reach, self.step_size)
        halved = torch.ones_like(sizes, dtype=torch.bool)
        rises = torch.zeros_like(sizes)
        for step in range(self.steps):
            found = search.climb(perturbations, rows)
            there = Place(perturbations, found.gradients, found.values[:, None])
            if step == 0:
                here = top = there
                previous, last = perturbations, there.values
            rises = rises + (there.values > here.values)
            here, top = there, there.where(there.values > top.values, top)
            if step in judged:
                halved = (rises < PROGRESS * judged[step]) | (~halved & (top.values <= last))
                sizes = torch.where(halved, sizes / 2, sizes)
                here = top.where(halved, here)
                rises, last = torch.zeros_like(rises), top.values
            moved = region.project(here.perturbations + sizes * region.uphill(here.gradients))
            if step:
                moved = MOMENTUM * moved + (1 - MOMENTUM) * (2 * here.perturbations - previous)
            previous, perturbations = here.perturbations, region.project(moved)
        search.look(perturbations, rows)
