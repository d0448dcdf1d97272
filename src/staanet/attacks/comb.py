"""A comb: the same few samples of every period, one value for each: the control of attacks that choose places."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.components.search import Room, Search
from staanet.attacks.components.sparse import SparseAscent, even
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions, valid_samples

MOMENTUM = 0.9
"""Weight of the past in the running mean of the gradient."""


@dataclass(frozen=True)
class Comb(SparseAscent):
    """The best phases of a period, as many as the budget allows, each with one change wherever it recurs.

    A control: what an attack gains by places and values that follow the clip, it has to gain over this. Each clip has a
    comb of its own, optimised for it by sign steps along the gradient, phase by phase its sum over the clip. Where the
    budget allows less than one sample in a period, the period is as many times longer as it takes.

    Args:
        budget: size and share of the samples.
        steps: gradients per clip.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
        period: in samples; 256 is the stride of the compact generator.
        step_size: as a share of epsilon.

    >>> from staanet.core.budget import Budget
    >>> comb = Comb(Budget(epsilon=0.1, sparsity=0.25), steps=2, period=4)
    >>> weights = torch.tensor([[0.0, 1.0, 0.0, 0.0, 0.5, 1.0, 0.5, 0.0], [0.0] * 8]).T
    >>> comb(lambda x: x @ weights, torch.zeros(1, 8), torch.tensor([0]))
    tensor([[ 0.0000, -0.0500,  0.0000,  0.0000,  0.0000, -0.0500,  0.0000,  0.0000]])
    """

    name = "comb"
    reference = "control"

    period: int = 256
    step_size: float = 0.25

    def __post_init__(self) -> None:
        """Refuse settings with which nothing moves."""
        super().__post_init__()
        if self.period < 1 or not 0 < self.step_size < float("inf"):
            raise StaanetError(
                f"expected a period of 1 or more and a step_size above 0, got {self.period} and {self.step_size}"
            )

    def perturb(
        self,
        model: Classifier,
        waveforms: Tensor,
        labels: Tensor,
        lengths: Tensor,
        random: ClipRandom,  # noqa: ARG002
    ) -> Tensor:
        """Return the best waveforms `[B, T]` found."""
        search = Search(model, waveforms, labels, lengths, self.objective, self.targeted)
        rows = torch.arange(len(waveforms), device=waveforms.device)
        room = Room.of(self.budget, model, waveforms, lengths)
        epsilon, _ = self.budget.resolve(waveforms, lengths)
        periods = self.period * -(-teeth(lengths, self.period) // room.counts)  # [B]
        phases = torch.arange(waveforms.shape[1], device=waveforms.device) % periods[:, None]  # [B, T]
        counts = room.counts // teeth(lengths, periods)
        there = valid_samples(torch.minimum(periods, lengths), int(periods.max()))  # [B, P]
        values, heard, mean = torch.zeros(3, *there.shape, dtype=waveforms.dtype, device=waveforms.device)
        for _ in range(self.steps):
            changes = room.clamp(epsilon * (values * heard).gather(1, phases))
            gradients = even(search.climb(changes, rows).gradients)
            folded = torch.zeros_like(mean).scatter_add(1, phases, gradients)
            mean = MOMENTUM * mean + (1 - MOMENTUM) * folded
            heard = top_positions(mean.abs(), counts, there)
            values = (values + self.step_size * mean.sign()).clamp(-1, 1)
        search.look(room.clamp(epsilon * (values * heard).gather(1, phases)), rows)
        return search.adversarial


def teeth(lengths: Tensor, periods: Tensor | int) -> Tensor:
    """Return how often the first phase of a period comes in clips of these lengths `[B]`."""
    return -(-lengths // periods)
