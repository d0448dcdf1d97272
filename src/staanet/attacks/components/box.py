"""The box of allowed changes: how far each sample may move within epsilon and the bounds of the model."""

from typing import NamedTuple

import torch
from torch import Tensor

from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions, valid_samples


class Box(NamedTuple):
    """The range in which the change of each sample must lie; padding after the end of a clip may not change.

    >>> box = Box.of(Budget(epsilon=0.1), lambda x, n: x, torch.tensor([[0.5, 0.95, 0.0]]), torch.tensor([2]))
    >>> box.extreme(torch.tensor([[-2.0, 1.0, 1.0]]))
    tensor([[-0.1000,  0.0500,  0.0000]])
    """

    low: Tensor
    """Smallest allowed change of each sample, `[B, T]`, at most 0."""
    high: Tensor
    """Largest allowed change of each sample, `[B, T]`, at least 0."""
    counts: Tensor
    """Number of samples of each clip that may change, `[B]`."""
    epsilon: Tensor
    """Epsilon of each clip in full scale, `[B, 1]`; the bounds of the model may leave less."""

    @classmethod
    def of(cls, budget: Budget, model: Classifier, waveforms: Tensor, lengths: Tensor) -> "Box":
        """Return the box that a budget and the bounds of a model allow around waveforms `[B, T]`."""
        epsilon, counts = budget.resolve(waveforms, lengths)
        sizes = torch.where(valid_samples(lengths, waveforms.shape[1]), epsilon, 0)  # [B, T]
        low, high = bounds_of(model)
        return cls(torch.maximum(-sizes, low - waveforms), torch.minimum(sizes, high - waveforms), counts, epsilon)

    def extreme(self, directions: Tensor) -> Tensor:
        """Return the largest allowed change of each sample along `directions` `[B, T]`, 0 where those are 0."""
        return torch.where(directions > 0, self.high, torch.where(directions < 0, self.low, 0))

    def clamp(self, perturbations: Tensor) -> Tensor:
        """Return perturbations `[B, T]` clamped to the box."""
        return perturbations.clamp(self.low, self.high)

    def uniform(self, random: ClipRandom) -> Tensor:
        """Return perturbations `[B, T]` drawn uniformly from the box."""
        return self.low + (self.high - self.low) * random.uniform()

    def top(self, scores: Tensor) -> Tensor:
        """Return a mask `[B, T]` of the `counts` samples with the highest scores among those that may change."""
        return top_positions(scores, self.counts, self.high > self.low)

    def top_by_gain(self, gradients: Tensor) -> Tensor:
        """Return a mask `[B, T]` of the `counts` samples with the largest gain: gradient times extreme change."""
        return self.top(gradients * self.extreme(gradients))

    def restricted_to(self, mask: Tensor) -> "Box":
        """Return the box in which only the samples of a mask `[B, T]` may change."""
        return self._replace(low=self.low * mask, high=self.high * mask)

    def rows(self, rows: Tensor) -> "Box":
        """Return the box of the clips with the indices `rows` `[b]`."""
        return Box(*(tensor[rows] for tensor in self))
