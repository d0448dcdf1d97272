"""Sparse-RS: random search over which samples change, and which way (https://arxiv.org/abs/2006.12834)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.objectives import Objective
from staanet.attacks.components.search import Room, Search
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions

SCHEDULE = ((0, 2), (50, 4), (200, 5), (500, 6), (1000, 8), (2000, 10), (4000, 12), (6000, 15), (8000, 20))
"""After which of 10,000 queries the share of exchanged samples is the first one divided by what (the authors')."""


@dataclass(frozen=True)
class SparseRS(Attack):
    """Random search over the samples that change and their signs: some are exchanged, and stay so if that is better.

    Source: F. Croce, M. Andriushchenko, N. D. Singh, N. Flammarion, M. Hein, AAAI 2022, algorithm 1 for L0. There a
    value goes to an end of its range; here by epsilon up or down. A clip ends once it is reached.

    Args:
        budget: size and share of the samples.
        queries: most forward passes per clip.
        share: of the samples that change, how many are exchanged, in (0, 1]; divided by the authors' schedule.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
    """

    name = "sparse_rs"
    access = "scores"
    norms = ("l0", "linf")
    targetable = True
    reference = "AAAI 2022, arXiv 2006.12834"

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    queries: int = 1000
    share: float = 0.1
    objective: Objective = "margin"
    targeted: bool = False

    def __post_init__(self) -> None:
        """Refuse settings with which nothing is searched."""
        if self.queries < 1:
            raise StaanetError(f"expected queries of 1 or more, got {self.queries}")
        if not 0 < self.share <= 1:
            raise StaanetError(f"expected share in (0, 1], got {self.share}")

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best waveforms `[B, T]` found."""
        room = Room.of(self.budget, model, waveforms, lengths)
        search = Search(model, waveforms, labels, lengths, self.objective, self.targeted)
        rows = torch.arange(len(waveforms), device=waveforms.device)
        for query in range(self.queries):
            trials = self._exchanged(search.perturbations[rows], query, room.rows(rows), random.select(rows))
            search.look(trials, rows)
            rows = rows[~search.reached[rows]]
            if not len(rows):
                break
        return search.adversarial

    def _exchanged(self, perturbations: Tensor, query: int, room: Room, random: ClipRandom) -> Tensor:
        """Return perturbations `[b, T]` with some taken back and made elsewhere, until as many as may change do."""
        divisor = [divisor for start, divisor in SCHEDULE if start <= query * 10_000 // self.queries][-1]
        exchanges = (room.counts * self.share / divisor).long().clamp_min(1)
        order = random.uniform()
        kept = torch.where(top_positions(order, exchanges, perturbations != 0), 0, perturbations)
        free = (kept == 0) & (room.high > room.low)
        added = top_positions(-order, room.counts - (kept != 0).sum(1), free)
        return torch.where(added, room.furthest(random.signs()), kept)
