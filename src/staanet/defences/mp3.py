"""MP3: clips are compressed and decoded again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from staanet.audio import coding
from staanet.core.errors import StaanetError
from staanet.defences.base import Codec

MOST = 160
"""Highest bit rate in kbit/s; below 16 kHz, it is 64."""


@dataclass(frozen=True)
class MP3(Codec):
    """MP3 compression at a constant bit rate (LAME), without delay or change of length.

    Compression is the defence of N. Das et al. for image classification (KDD 2018) and speech recognition ("ADAGIO",
    ECML PKDD 2018). Gradients pass through it unchanged.

    Args:
        kbps: Bit rate in kbit/s, in 48..160; at most 64 for clips below 16 kHz.

    >>> import torch
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

    def decoded(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Return the decoded samples `[T]` of a clip."""
        return coding.mp3(samples, sample_rate, self.kbps)
