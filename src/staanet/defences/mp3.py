"""MP3: clips are compressed and decoded again."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.audio import coding
from staanet.core.errors import StaanetError
from staanet.defences.base import InputDefence, straight_through

MOST = 160
"""Highest bit rate in kbit/s; below 16 kHz, it is 64."""


@dataclass(frozen=True)
class MP3(InputDefence):
    """MP3 compression at a constant bit rate (LAME), without delay or change of length.

    Compression is the defence of N. Das et al. for image classification (KDD 2018) and speech recognition ("ADAGIO",
    ECML PKDD 2018). Gradients pass through it unchanged.

    Args:
        kbps: Bit rate in kbit/s, in 48..160; at most 64 for clips below 16 kHz.

    >>> clip = 0.5 * torch.sin(torch.arange(4000) * 2 * torch.pi * 440 / 16_000)[None]
    >>> change = MP3()(clip, torch.tensor([4000]), 16_000) - clip
    >>> bool(0 < change[0, 500:-500].abs().max() < 0.02)
    True
    """

    name = "mp3"
    reference = "arXiv 1805.11852"

    kbps: int = 64

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not 48 <= self.kbps <= MOST:
            raise StaanetError(f"expected kbps in 48..{MOST}, got {self.kbps}")

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
        """Return the decoded waveforms `[B, T]`."""
        decoded = torch.zeros_like(waveforms)
        for row, clip, length in zip(decoded, waveforms.detach(), lengths.tolist(), strict=True):
            row[:length] = torch.from_numpy(coding.mp3(clip[:length].cpu().numpy(), sample_rate, self.kbps))
        return straight_through(waveforms, decoded)
