"""The best perturbation of each clip that an attack has evaluated so far."""

from collections.abc import Callable

import torch
from torch import Tensor

from staanet.attacks.components.objectives import (
    Objective,
    ValueAndGrad,
    fooled,
    objective_values,
    succeeded,
    value_and_grad,
)
from staanet.attacks.components.random_input import RandomInput
from staanet.core.classifier import Classifier

CLEAR = 2
"""Rank of a perturbation that succeeds; one that ends on the boundary has rank 1, one that does not fool rank 0."""


class BestSoFar:
    """Evaluates perturbations and keeps the best one of each clip.

    A perturbation that crosses the boundary clearly (`succeeded`) is better than one that ends on it, and that is
    better than one that does not fool. Among those that succeed, the smallest is best if `size` is given, else the one
    with the highest objective; among the others, the one with the highest objective.

    Args:
        model: Classifier under attack.
        waveforms: Clean clips, `[B, T]`.
        labels: Classes to leave, or (`targeted`) to reach, `[B]`.
        lengths: Number of valid samples of each clip, `[B]`.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels`.
        size: Function from perturbations `[b, T]` to their sizes `[b]`, for attacks that minimise a norm.
        seen_as: Random changes of what the model sees when a gradient is taken. Points at which it is taken are then no
            candidates for the best; only those of `evaluate` are.
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
        seen_as: RandomInput | None = None,
    ) -> None:
        self._seen_as = seen_as
        self._model, self._waveforms, self._labels, self._lengths = model, waveforms, labels, lengths
        self._objective, self._targeted, self._size = objective, targeted, size
        self.all_rows = torch.arange(len(waveforms), device=waveforms.device)
        """Indices of all clips, `[B]`."""
        self.perturbations = torch.zeros_like(waveforms)
        """Best perturbation of each clip, `[B, T]`."""
        self._ranks = torch.zeros_like(lengths)
        self.values = torch.full_like(waveforms[:, 0], -torch.inf)
        """Objective of the best perturbation, `[B]`; its negative size where `size` is given and it succeeds."""

    @property
    def succeeded(self) -> Tensor:
        """Whether the best perturbation of each clip succeeds, `[B]`."""
        return self._ranks == CLEAR

    @property
    def adversarial(self) -> Tensor:
        """Best adversarial waveforms, `[B, T]`."""
        return self._waveforms + self.perturbations

    def value_and_grad(self, perturbations: Tensor, rows: Tensor | None = None) -> ValueAndGrad:
        """Evaluate perturbations `[b, T]` of the clips `rows` `[b]` (default: all) and return the gradients too.

        Takes one forward and one backward pass.
        """
        rows = self.all_rows if rows is None else rows
        waveforms, labels, lengths = self._waveforms[rows] + perturbations, self._labels[rows], self._lengths[rows]
        if (seen_as := self._seen_as) is not None:

            def changed(waveforms: Tensor, lengths: Tensor) -> Tensor:
                return self._model(*seen_as(waveforms, lengths, rows))

            return value_and_grad(changed, waveforms, labels, lengths, self._objective, self._targeted)
        found = value_and_grad(self._model, waveforms, labels, lengths, self._objective, self._targeted)
        self.update(perturbations, found.logits, rows)
        return found

    def evaluate(self, perturbations: Tensor, rows: Tensor | None = None) -> Tensor:
        """Evaluate perturbations `[b, T]` of the clips `rows` `[b]` (default: all) and return the logits `[b, K]`.

        Takes one forward pass.
        """
        rows = self.all_rows if rows is None else rows
        with torch.no_grad():
            logits = self._model(self._waveforms[rows] + perturbations, self._lengths[rows])
        self.update(perturbations, logits, rows)
        return logits

    def update(self, perturbations: Tensor, logits: Tensor, rows: Tensor | None = None) -> None:
        """Keep the perturbations `[b, T]`, with logits `[b, K]`, that are better than the best of their clips."""
        rows = self.all_rows if rows is None else rows
        labels = self._labels[rows]
        values = objective_values(logits, labels, self._objective, self._targeted)
        hits = succeeded(logits, labels, self._targeted)
        ranks = torch.where(hits, CLEAR, fooled(logits, labels, self._targeted).long())
        if self._size is not None:
            values = torch.where(hits, -self._size(perturbations), values)
        last = self._ranks[rows]
        better = (ranks > last) | ((ranks == last) & (values > self.values[rows]))
        kept = rows[better]
        self.perturbations[kept] = perturbations[better]
        self._ranks[kept], self.values[kept] = ranks[better], values[better]
