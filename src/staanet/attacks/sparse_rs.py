"""Sparse-RS: random search over which samples change, and in which direction (https://arxiv.org/abs/2006.12834)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.objectives import Objective
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions

SCHEDULE = ((0, 2), (50, 4), (200, 5), (500, 6), (1000, 8), (2000, 10), (4000, 12), (6000, 15), (8000, 20))
"""Pairs of a query out of 10,000 and the divisor of `share` from that query on (the authors' schedule)."""


@dataclass(frozen=True)
class SparseRS(Attack):
    """Random search over the changed samples and their signs: an exchange of some is kept if it raises the objective.

    Source: F. Croce, M. Andriushchenko, N. D. Singh, N. Flammarion, M. Hein, AAAI 2022, algorithm 1 for L0. In the
    paper a changed value goes to an end of its range; here it moves by epsilon up or down. A clip makes no more queries
    once the attack on it has succeeded.

    Two defaults differ from what the authors ran (21d8759): `share` is 0.1 instead of 0.3, their value for targeted
    attacks, and there are 1000 queries instead of 10 000. The preset `published` has the original values.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        queries: Largest number of forward passes per clip, at least 1.
        share: Share of the changed samples that is exchanged, in (0, 1]; divided by the authors' schedule.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.
    """

    name = "sparse_rs"
    access = "scores"
    norms = ("l0", "linf")
    targetable = True
    reference = "AAAI 2022, arXiv 2006.12834"
    presets: ClassVar = {"published": {"queries": 10_000, "share": 0.3}}

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    queries: int = 1000
    share: float = 0.1
    objective: Objective = "margin"
    targeted: bool = False

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.queries < 1:
            raise StaanetError(f"expected queries of 1 or more, got {self.queries}")
        if not 0 < self.share <= 1:
            raise StaanetError(f"expected share in (0, 1], got {self.share}")

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best adversarial waveforms found, `[B, T]`."""
        box = Box.of(self.budget, model, waveforms, lengths)
        best = BestSoFar(model, waveforms, labels, lengths, self.objective, self.targeted)
        rows = best.all_rows
        for query in range(self.queries):
            trials = self._exchanged(best.perturbations[rows], query, box.rows(rows), random.select(rows))
            best.evaluate(trials, rows)
            rows = rows[~best.succeeded[rows]]
            if not len(rows):
                break
        return best.adversarial

    def _exchanged(self, perturbations: Tensor, query: int, box: Box, random: ClipRandom) -> Tensor:
        """Return perturbations `[b, T]` with some changes undone and others added, up to the count of the box."""
        divisor = [divisor for start, divisor in SCHEDULE if start <= query * 10_000 // self.queries][-1]
        exchanges = (box.counts * self.share / divisor).long().clamp_min(1)
        order = random.uniform()
        kept = torch.where(top_positions(order, exchanges, perturbations != 0), 0, perturbations)
        free = (kept == 0) & (box.high > box.low)
        added = top_positions(-order, box.counts - (kept != 0).sum(1), free)
        return torch.where(added, box.extreme(random.signs()), kept)
