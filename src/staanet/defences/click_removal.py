"""Click removal: samples that do not fit their neighbours are replaced."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.defences.base import InputDefence
from staanet.defences.median import check_width, windows


@dataclass(frozen=True)
class ClickRemoval(InputDefence):
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

    width: int = 7
    threshold: float = 5.0

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_width(self.width)
        if not 0 < self.threshold < float("inf"):
            raise StaanetError(f"expected a threshold above 0, got {self.threshold}")

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:  # noqa: ARG002
        """Return the waveforms `[B, T]` without clicks."""
        median = windows(waveforms, self.width).median(2).values
        return torch.where(self.clicks(waveforms), median, waveforms)

    def clicks(self, waveforms: Tensor) -> Tensor:
        """Return a mask `[B, T]` of the samples that are clicks."""
        clips = waveforms.detach()
        around = windows(clips, self.width)
        median = around.median(2, keepdim=True).values
        scale = (around - median).abs().median(2).values
        return (clips - median[:, :, 0]).abs() > self.threshold * scale
