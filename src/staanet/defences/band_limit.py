"""What a model hears has passed a narrower band, such as that of a telephone."""

from dataclasses import dataclass

import scipy.signal
import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.errors import StaanetError
from staanet.defences.base import InputDefence

TAPS = 255
"""Of the filter: at 16 kHz it falls by 60 dB within 230 Hz."""


@dataclass(frozen=True)
class BandLimit(InputDefence):
    """Clips as a channel of a lower sample rate lets them through: what lies above half of it is gone.

    Source: down-sampling as Z. Yang et al. (ICLR 2019) put it before a speech recogniser. A linear-phase filter with a
    Hamming window, so that nothing is delayed and gradients pass.

    Args:
        rate: sample rate of the channel, in Hz; 8000 is that of a telephone.

    >>> high = torch.sin(torch.arange(16_000) * 2 * torch.pi * 6000 / 16_000)[None]
    >>> bool(BandLimit()(high, torch.tensor([16_000]), 16_000)[0, 500:-500].abs().max() < 0.01)
    True
    """

    name = "band_limit"
    reference = "arXiv 1809.10875"

    rate: int = 8000

    def __post_init__(self) -> None:
        """Refuse a rate at which no speech is left."""
        if self.rate < 1000:
            raise StaanetError(f"expected a rate of 1000 Hz or more, got {self.rate}")

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:  # noqa: ARG002
        """Return the waveforms `[B, T]` without what the channel does not carry."""
        if self.rate >= sample_rate:
            raise StaanetError(f"expected a rate below the model's {sample_rate} Hz, got {self.rate}; lower it")
        taps = scipy.signal.firwin(TAPS, self.rate / 2, fs=sample_rate)
        kernel = torch.from_numpy(taps).to(waveforms)[None, None]
        return functional.conv1d(waveforms[:, None], kernel, padding=TAPS // 2)[:, 0]
