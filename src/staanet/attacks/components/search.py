"""What gradient attacks share: how far each sample may change, and the best change found so far."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from staanet.attacks.components.objectives import Ascent, Objective, ascent, objective_values, reached
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.waveforms import top_positions, valid_samples


class Room(NamedTuple):
    """How far each sample may change, within epsilon and the model's bounds; nowhere beyond its clip.

    >>> room = Room.of(Budget(epsilon=0.1), lambda x, n: x, torch.tensor([[0.5, 0.95, 0.0]]), torch.tensor([2]))
    >>> room.furthest(torch.tensor([[-2.0, 1.0, 1.0]]))
    tensor([[-0.1000,  0.0500,  0.0000]])
    """

    low: Tensor
    """`[B, T]`, at most 0."""
    high: Tensor
    """`[B, T]`, at least 0."""
    counts: Tensor
    """`[B]`: how many samples may change."""

    @classmethod
    def of(cls, budget: Budget, model: Classifier, waveforms: Tensor, lengths: Tensor) -> "Room":
        """Return the room that a budget and the model's bounds leave around waveforms `[B, T]`."""
        epsilon, counts = budget.resolve(waveforms, lengths)
        epsilon = torch.where(valid_samples(lengths, waveforms.shape[1]), epsilon, 0)  # [B, T]
        low, high = bounds_of(model)
        return cls(torch.maximum(-epsilon, low - waveforms), torch.minimum(epsilon, high - waveforms), counts)

    def furthest(self, directions: Tensor) -> Tensor:
        """Return the largest change of each sample that goes the way of `directions` `[B, T]`, 0 where they are 0."""
        return torch.where(directions > 0, self.high, torch.where(directions < 0, self.low, 0))

    def clamp(self, perturbations: Tensor) -> Tensor:
        """Return perturbations `[B, T]` cut to the room."""
        return perturbations.clamp(self.low, self.high)

    def top(self, scores: Tensor) -> Tensor:
        """Return the mask `[B, T]` of the samples with the highest scores, as many as may change."""
        return top_positions(scores, self.counts, self.high > self.low)

    def promising(self, gradients: Tensor) -> Tensor:
        """Return the mask `[B, T]` of the samples whose gradient times how far it can go is largest, likewise."""
        return self.top(gradients * self.furthest(gradients))

    def at(self, positions: Tensor) -> "Room":
        """Return the room of the samples of a mask `[B, T]`, none elsewhere."""
        return Room(self.low * positions, self.high * positions, self.counts)

    def rows(self, rows: Tensor) -> "Room":
        """Return the room of some clips."""
        return Room(self.low[rows], self.high[rows], self.counts[rows])


class Search:
    """The best perturbation of each clip so far: one that reached what the attack wants before one that did not.

    Among those that reached it, the one with the highest objective, or, where `size` measures perturbations `[b, T]` as
    `[b]`, the smallest; among the others the one with the highest objective.
    """

    def __init__(
        self,
        model: Classifier,
        waveforms: Tensor,
        labels: Tensor,
        lengths: Tensor,
        objective: Objective,
        targeted: bool = False,
        size: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self._model, self._waveforms, self._labels, self._lengths = model, waveforms, labels, lengths
        self._objective, self._targeted, self._size = objective, targeted, size
        self.perturbations = torch.zeros_like(waveforms)
        self.reached = torch.zeros_like(lengths, dtype=torch.bool)
        self.values = torch.full_like(waveforms[:, 0], -torch.inf)
        """`[B]`, of the objective; of the size, negative, where `size` is given and the clip was reached."""

    @property
    def adversarial(self) -> Tensor:
        """The best waveforms `[B, T]`."""
        return self._waveforms + self.perturbations

    def climb(self, perturbations: Tensor, rows: Tensor) -> Ascent:
        """Judge perturbations `[b, T]` of the clips `rows` `[b]`, and return where their objective grows fastest."""
        waveforms, labels, lengths = self._waveforms[rows] + perturbations, self._labels[rows], self._lengths[rows]
        found = ascent(self._model, waveforms, labels, lengths, self._objective, self._targeted)
        self.judge(perturbations, found.logits, rows)
        return found

    def look(self, perturbations: Tensor, rows: Tensor) -> Tensor:
        """Judge perturbations `[b, T]` of the clips `rows` `[b]` by a forward pass, and return the logits `[b, K]`."""
        with torch.no_grad():
            logits = self._model(self._waveforms[rows] + perturbations, self._lengths[rows])
        self.judge(perturbations, logits, rows)
        return logits

    def judge(self, perturbations: Tensor, logits: Tensor, rows: Tensor) -> None:
        """Keep those of the perturbations `[b, T]`, with logits `[b, K]`, that are better than the best so far."""
        labels = self._labels[rows]
        values = objective_values(logits, labels, self._objective, self._targeted)
        hits = reached(logits, labels, self._targeted)
        if self._size is not None:
            values = torch.where(hits, -self._size(perturbations), values)
        better = torch.where(hits == self.reached[rows], values > self.values[rows], hits)
        kept = rows[better]
        self.perturbations[kept] = perturbations[better]
        self.reached[kept], self.values[kept] = hits[better], values[better]
