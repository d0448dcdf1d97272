"""FAKEBOB: sign steps along a gradient that is estimated from scores (https://arxiv.org/abs/1911.01840)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.objectives import Objective, objective_values
from staanet.attacks.components.search import Room, Search
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class FakeBob(Attack):
    """Steps by the sign of a gradient that is estimated from the scores of random points around.

    Source: G. Chen, S. Chen, L. Fan, X. Du, Z. Zhao, F. Song, Y. Liu, IEEE S&P 2021, section IV: natural evolution
    strategies with pairs of opposite points, momentum, and a step that is halved where the objective stalls. Sizes are
    the authors', as shares of their epsilon. The budget's sparsity is ours: all happens on as many random samples
    as may change, chosen at the start. Points around are cut to the budget, so that each may be what is returned. A
    clip ends after the step in which it is reached.

    Args:
        budget: size and share of the samples.
        queries: most forward passes per clip; whole steps of `draws` + 1 are used.
        draws: random points per estimate, an even number.
        smoothing: standard deviation of the points around, as a share of epsilon.
        step_size: of the first steps, as a share of epsilon.
        momentum: weight of the estimates before, in [0, 1).
        plateau: steps without progress after which the step is halved.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
    """

    name = "fakebob"
    access = "scores"
    norms = ("l0", "linf")
    targetable = True
    reference = "IEEE S&P 2021, arXiv 1911.01840"

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    queries: int = 1000
    draws: int = 50
    smoothing: float = 0.5
    step_size: float = 0.5
    momentum: float = 0.9
    plateau: int = 5
    objective: Objective = "margin"
    targeted: bool = False

    def __post_init__(self) -> None:
        """Refuse settings with which nothing is estimated or moves."""
        if self.draws < 2 or self.draws % 2 or self.draws >= self.queries:
            raise StaanetError(
                f"expected draws as an even number below the queries, got {self.draws} and {self.queries} queries"
            )
        if not (self.smoothing > 0 and self.step_size > 0 and 0 <= self.momentum < 1 and self.plateau >= 1):
            raise StaanetError(
                "expected smoothing and step_size above 0, momentum in [0, 1) and a plateau of 1 or more, got "
                f"{self.smoothing}, {self.step_size}, {self.momentum} and {self.plateau}"
            )

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best waveforms `[B, T]` found."""
        epsilon, _ = self.budget.resolve(waveforms, lengths)
        room = Room.of(self.budget, model, waveforms, lengths)
        room = room.at(room.top(random.uniform()))
        search = Search(model, waveforms, labels, lengths, self.objective, self.targeted)
        perturbations, momenta = torch.zeros_like(waveforms), torch.zeros_like(waveforms)
        sizes, tops, stalled = epsilon * self.step_size, torch.full_like(epsilon, -torch.inf), torch.zeros_like(epsilon)
        rows = torch.arange(len(waveforms), device=waveforms.device)

        def values(points: Tensor) -> Tensor:
            """Judge points `[b, T]`, and return their objective `[b, 1]`."""
            return objective_values(search.look(points, rows), labels[rows], self.objective, self.targeted)[:, None]

        for _ in range(self.queries // (self.draws + 1)):
            here, here_room, drawn = perturbations[rows], room.rows(rows), random.select(rows)
            estimates = torch.zeros_like(here)
            for _ in range(self.draws // 2):
                noise = drawn.normal()
                aside = self.smoothing * epsilon[rows] * noise
                rises = values(here_room.clamp(here + aside)) - values(here_room.clamp(here - aside))
                estimates += noise * rises / self.draws
            momenta[rows] = self.momentum * momenta[rows] + (1 - self.momentum) * estimates
            perturbations[rows] = here_room.clamp(here + sizes[rows] * momenta[rows].sign())
            new = values(perturbations[rows])
            stalled[rows] = torch.where(new > tops[rows], 0, stalled[rows] + 1)
            tops[rows] = tops[rows].maximum(new)
            halved = stalled >= self.plateau
            sizes, stalled = torch.where(halved, sizes / 2, sizes), torch.where(halved, 0, stalled)
            rows = rows[~search.reached[rows]]
            if not len(rows):
                break
        return search.adversarial
