"""Median: every sample is replaced by the median of its neighbourhood."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from staanet.core.errors import StaanetError
from staanet.defences.base import InputDefence


@dataclass(frozen=True)
class Median(InputDefence):
    """Median filter, which removes single changed samples entirely, whatever their size.

    Median filters are a defence of W. Xu et al. for images ("Feature squeezing", NDSS 2018) and of Z. Yang et al. for
    speech recognition (ICLR 2019). Up to half of the samples of a window can be changed without leaving its range,
    so it is the natural enemy of sparse attacks. The gradient of a median is that of the sample that it is.

    Args:
        width: Samples of a window; odd, 3 or more.

    >>> import torch
    >>> Median()(torch.tensor([[0.1, 0.2, 1.0, 0.3, 0.4]]), torch.tensor([5]), 16_000)
    tensor([[0.1000, 0.2000, 0.3000, 0.4000, 0.3000]])
    """

    name = "median"
    reference = "arXiv 1704.01155"

    width: int = 3

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_width(self.width)

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:  # noqa: ARG002
        """Return the filtered waveforms `[B, T]`."""
        return windows(waveforms, self.width).median(2).values


def check_width(width: int) -> None:
    """Check that a window has a middle and neighbours.

    Raises:
        StaanetError: If the width is even or below 3.
    """
    if width < 3 or width % 2 == 0:
        raise StaanetError(f"expected an odd width of 3 samples or more, got {width}")


def windows(waveforms: Tensor, width: int) -> Tensor:
    """Return the window around each sample, `[B, T, width]`, with zeros beyond the batch.

    >>> import torch
    >>> windows(torch.tensor([[1.0, 2.0]]), 3)
    tensor([[[0., 1., 2.],
             [1., 2., 0.]]])
    """
    half = width // 2
    return functional.pad(waveforms, (half, half)).unfold(1, width, 1)
