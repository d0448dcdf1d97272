"""Click removal: samples that do not fit their neighbours are replaced."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.defences.base import InputDefence
from staanet.defences.median import windows
from staanet.defences.neighbourhood import Neighbourhood


@dataclass(frozen=True)
class ClickRemoval(Neighbourhood, InputDefence):
    """Replacement of samples that lie far from the median of their neighbourhood, as restoration of records does.

    Source: S. V. Vaseghi, Advanced Digital Signal Processing and Noise Reduction, 4th ed., 2008, chapter 13: detection
    by a threshold on a robust scale, and interpolation. A sample is a click if it is further from the median of its
    window than `threshold` times the median distance of the window. Other samples pass as they are, with an exact
    gradient. A click has the gradient of the median that replaces it.

    Args:
        width: Samples of a window; odd, 3 or more.
        threshold: Number of median distances, above 0.

    >>> clip = torch.tensor([[0.1, 0.2, 1.0, 0.3, 0.4]])
    >>> ClickRemoval(width=3)(clip, torch.tensor([5]), 16_000)[0, 2]
    tensor(0.3000)
    """

    name = "click_removal"
    reference = "Vaseghi 2008"

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:  # noqa: ARG002
        """Return the waveforms `[B, T]` without clicks."""
        median = windows(waveforms, self.width).median(2).values
        return torch.where(self.clicks(waveforms), median, waveforms)

    def clicks(self, waveforms: Tensor) -> Tensor:
        """Return a mask `[B, T]` of the samples that are clicks."""
        distances, scale = self.distances(waveforms.detach())
        return distances > self.threshold * scale
