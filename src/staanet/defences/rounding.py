"""Rounding: samples are quantised to fewer bits."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.defences.base import InputDefence, straight_through


@dataclass(frozen=True)
class Rounding(InputDefence):
    """Quantisation of the samples to a number of bits.

    Quantisation is a defence of Z. Yang et al. (ICLR 2019) for speech recognition and of W. Xu et al. (NDSS 2018) for
    images. Gradients pass through it unchanged.

    Args:
        bits: Bits per sample including the sign, in 2..24. The default is that of most audio files.

    >>> Rounding(bits=3)(torch.tensor([[0.2, 0.9, -1.0]]), torch.tensor([3]), 16_000)
    tensor([[ 0.2500,  0.7500, -1.0000]])
    """

    name = "rounding"
    reference = "arXiv 1809.10875"
    gradient = "straight_through"

    bits: int = 16

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not 2 <= self.bits <= 24:
            raise StaanetError(f"expected bits in 2..24, got {self.bits}")

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:  # noqa: ARG002
        """Return the rounded waveforms `[B, T]`."""
        steps = 2 ** (self.bits - 1)
        return straight_through(waveforms, torch.round(waveforms * steps).clamp(-steps, steps - 1) / steps)
