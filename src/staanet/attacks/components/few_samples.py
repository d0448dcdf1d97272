"""What attacks on a handful of samples share: positions and changes of them, found by differential evolution."""

import abc
from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.evolution import LEAST, evolve
from staanet.attacks.components.objectives import Objective, objective_values, reached
from staanet.attacks.components.search import Room
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

ROWS = 64
"""Waveforms that a model is asked about in one call."""


@dataclass(frozen=True)
class FewSamples(Attack):
    """The settings of an attack that searches where to change a few samples, and how.

    Args:
        budget: size and share of the samples.
        samples: how many change, at most as many as the budget allows.
        queries: most forward passes per clip; whole generations of them are used.
        population: individuals per generation.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
    """

    access = "scores"
    norms = ("l0", "linf")
    targetable = True

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    samples: int = 1
    queries: int = 1000
    population: int = 30
    objective: Objective = "margin"
    targeted: bool = False

    def __post_init__(self) -> None:
        """Refuse settings with which nothing evolves."""
        if self.samples < 1:
            raise StaanetError(f"expected samples of 1 or more, got {self.samples}")
        if not LEAST <= self.population <= self.queries:
            raise StaanetError(
                f"expected a population of {LEAST} or more and at most the queries, "
                f"got {self.population} and {self.queries} queries"
            )

    @abc.abstractmethod
    def changes(self, genes: Tensor, samples: Tensor, low: Tensor, high: Tensor, bounds: tuple[float, float]) -> Tensor:
        """Return what is added to `samples`, between `low` and `high`, by genes in [0, 1); all are `[b, P, S]`.

        `bounds` are the model's.
        """

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best waveforms `[B, T]` found."""
        room = Room.of(self.budget, model, waveforms, lengths)

        def candidates(genes: Tensor, rows: Tensor) -> Tensor:
            """Return the waveforms `[b, P, T]` that genes `[b, P, 2 S]` stand for."""
            places, sizes = genes.split(self.samples, dim=2)
            size = lengths[rows, None, None]
            positions = (places * size).long().minimum(size - 1)  # [b, P, S]

            def at(values: Tensor) -> Tensor:
                return values[rows, None].expand(-1, genes.shape[1], -1).gather(2, positions)

            changes = self.changes(sizes, at(waveforms), at(room.low), at(room.high), bounds_of(model))
            allowed = torch.arange(self.samples, device=rows.device) < room.counts[rows, None, None]
            summed = torch.zeros_like(waveforms[rows, None].expand(-1, genes.shape[1], -1))
            summed = summed.scatter_add(2, positions, changes * allowed)
            return waveforms[rows, None] + summed.clamp(room.low[rows, None], room.high[rows, None])

        def judge(genes: Tensor, rows: Tensor) -> Tensor:
            values = []
            for part in genes.split(max(1, ROWS // len(rows)), dim=1):
                size = part.shape[1]
                asked = labels[rows].repeat_interleave(size)
                logits = model(candidates(part, rows).flatten(0, 1), lengths[rows].repeat_interleave(size))
                new = objective_values(logits, asked, self.objective, self.targeted)
                new = new.masked_fill(reached(logits, asked, self.targeted), torch.inf)
                values.append(new.unflatten(0, (len(rows), size)))
            return torch.cat(values, dim=1)

        with torch.no_grad():
            best = evolve(judge, 2 * self.samples, self.population, self.queries // self.population, random)
            return candidates(best[:, None], torch.arange(len(waveforms), device=waveforms.device))[:, 0]
