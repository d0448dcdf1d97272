"""Band limitation: clips pass a channel with a lower sampling rate, such as a telephone."""

from dataclasses import dataclass

import scipy.signal
import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.errors import StaanetError
from staanet.defences.base import InputDefence

TAPS = 255
"""Length of the filter in samples; at 16 kHz its response falls by 60 dB within 230 Hz."""


@dataclass(frozen=True)
class BandLimit(InputDefence):
    """Low-pass filter that removes all frequencies above half the sampling rate of a channel.

    Down-sampling is the defence of Z. Yang et al. (ICLR 2019) for speech recognition. The filter has linear phase and a
    Hamming window; it is centred, so it delays nothing, and differentiable.

    Args:
        rate: Sampling rate of the channel in Hz; 1000 or more and below that of the model. The default is that
            of a telephone.

    >>> high = torch.sin(torch.arange(16_000) * 2 * torch.pi * 6000 / 16_000)[None]
    >>> bool(BandLimit()(high, torch.tensor([16_000]), 16_000)[0, 500:-500].abs().max() < 0.01)
    True
    """

    name = "band_limit"
    reference = "arXiv 1809.10875"

    rate: int = 8000

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.rate < 1000:
            raise StaanetError(f"expected a rate of 1000 Hz or more, got {self.rate}")

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:  # noqa: ARG002
        """Return the filtered waveforms `[B, T]`."""
        if self.rate >= sample_rate:
            raise StaanetError(f"expected a rate below the model's {sample_rate} Hz, got {self.rate}; lower it")
        taps = scipy.signal.firwin(TAPS, self.rate / 2, fs=sample_rate)
        kernel = torch.from_numpy(taps).to(waveforms)[None, None]
        return functional.conv1d(waveforms[:, None], kernel, padding=TAPS // 2)[:, 0]
