"""What a model hears is rounded to steps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.defences.base import InputDefence, straight_through


@dataclass(frozen=True)
class Rounding(InputDefence):
    """Samples rounded to the steps of a file with so many bits.

    Source: quantisation as Z. Yang et al. (ICLR 2019) put it before a speech recogniser; W. Xu et al. (NDSS 2018).

    Args:
        bits: of a sample, its sign among them; 16 is what most files have.

    >>> Rounding(bits=3)(torch.tensor([[0.2, 0.9, -1.0]]), torch.tensor([3]), 16_000)
    tensor([[ 0.2500,  0.7500, -1.0000]])
    """

    name = "rounding"
    reference = "arXiv 1809.10875"

    bits: int = 16

    def __post_init__(self) -> None:
        """Refuse what no file has."""
        if not 2 <= self.bits <= 24:
            raise StaanetError(f"expected bits in 2..24, got {self.bits}")

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:  # noqa: ARG002
        """Return the rounded waveforms `[B, T]`."""
        steps = 2 ** (self.bits - 1)
        return straight_through(waveforms, torch.round(waveforms * steps).clamp(-steps, steps - 1) / steps)
