"""The base class of attacks that change a handful of samples, found by differential evolution."""

import abc
from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.box import Box
from staanet.attacks.components.evolution import MIN_POPULATION, evolve
from staanet.attacks.components.objectives import Objective, fooled, objective_values, succeeded
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

BATCH_SIZE = 64
"""Number of candidates that the model evaluates in one call."""
ON_BOUNDARY = 1e30
"""Fitness of a candidate that fools without succeeding: better than any that does not fool, but no reason to stop."""


@dataclass(frozen=True)
class FewSamples(Attack):
    """Base class of attacks that search for the positions and values of a few changes; each explains its settings."""

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
        """Validate the settings."""
        if self.samples < 1:
            raise StaanetError(f"expected samples of 1 or more, got {self.samples}")
        if not MIN_POPULATION <= self.population <= self.queries:
            raise StaanetError(
                f"expected a population of {MIN_POPULATION} or more and at most the queries, "
                f"got {self.population} and {self.queries} queries"
            )

    @abc.abstractmethod
    def changes(self, genes: Tensor, samples: Tensor, low: Tensor, high: Tensor, bounds: tuple[float, float]) -> Tensor:
        """Return the changes between `low` and `high` that genes in [0, 1) encode for `samples`.

        All tensors are `[b, P, S]`; `bounds` are the bounds of the model.
        """

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best adversarial waveforms found, `[B, T]`."""
        box = Box.of(self.budget, model, waveforms, lengths)

        def decode(genes: Tensor, rows: Tensor) -> Tensor:
            """Return the waveforms `[b, P, T]` that genes `[b, P, 2 S]` encode: S positions, then S changes."""
            places, sizes = genes.split(self.samples, dim=2)
            length = lengths[rows, None, None]
            positions = (places * length).long().minimum(length - 1)  # [b, P, S]

            def at(values: Tensor) -> Tensor:
                return values[rows, None].expand(-1, genes.shape[1], -1).gather(2, positions)

            changes = self.changes(sizes, at(waveforms), at(box.low), at(box.high), bounds_of(model))
            allowed = torch.arange(self.samples, device=rows.device) < box.counts[rows, None, None]
            summed = torch.zeros_like(waveforms[rows, None].expand(-1, genes.shape[1], -1))
            summed = summed.scatter_add(2, positions, changes * allowed)
            return waveforms[rows, None] + summed.clamp(box.low[rows, None], box.high[rows, None])

        def fitness(genes: Tensor, rows: Tensor) -> Tensor:
            """Return the objective `[b, P]` of each candidate, infinite where it succeeds."""
            values = []
            for part in genes.split(max(1, BATCH_SIZE // len(rows)), dim=1):
                size = part.shape[1]
                own = labels[rows].repeat_interleave(size)
                logits = model(decode(part, rows).flatten(0, 1), lengths[rows].repeat_interleave(size))
                new = objective_values(logits, own, self.objective, self.targeted)
                new = new.masked_fill(fooled(logits, own, self.targeted), ON_BOUNDARY)
                new = new.masked_fill(succeeded(logits, own, self.targeted), torch.inf)
                values.append(new.unflatten(0, (len(rows), size)))
            return torch.cat(values, dim=1)

        with torch.no_grad():
            best = evolve(fitness, 2 * self.samples, self.population, self.queries // self.population, random)
            return decode(best[:, None], torch.arange(len(waveforms), device=waveforms.device))[:, 0]
