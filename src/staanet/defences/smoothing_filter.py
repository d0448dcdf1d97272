"""Smoothing: every sample is replaced by a mean of its neighbourhood."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from staanet.defences.base import InputDefence
from staanet.defences.median import check_width


@dataclass(frozen=True)
class SmoothingFilter(InputDefence):
    """Moving average with a Hann window, which spreads the change of a sample over its neighbours.

    Local smoothing is a defence of Z. Yang et al. for speech recognition (ICLR 2019). It is linear and has an exact
    gradient. It is no randomised smoothing and has no certificate.

    Args:
        width: Samples of a window; odd, 3 or more.

    >>> SmoothingFilter(width=3)(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([3]), 16_000)
    tensor([[0.2500, 0.5000, 0.2500]])
    """

    name = "smoothing_filter"
    reference = "arXiv 1809.10875"

    width: int = 5

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_width(self.width)

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:  # noqa: ARG002
        """Return the smoothed waveforms `[B, T]`."""
        window = torch.hann_window(self.width + 2, periodic=False)[1:-1].to(waveforms)
        kernel = (window / window.sum())[None, None]
        return functional.conv1d(waveforms[:, None], kernel, padding=self.width // 2)[:, 0]
