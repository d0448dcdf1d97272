"""Opus: clips pass the codec of internet calls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from staanet.audio import coding
from staanet.core.errors import StaanetError
from staanet.defences.base import Codec


@dataclass(frozen=True)
class Opus(Codec):
    """Opus compression at 16 kHz, without delay or change of length.

    Compression is the defence of N. Das et al. for speech recognition ("ADAGIO", ECML PKDD 2018); the codec is that of
    RFC 6716. Gradients pass through it unchanged.

    Args:
        kbps: Mean bit rate in kbit/s, in 6..256. The default is that of a voice call.

    >>> Opus(kbps=16.0).kbps
    16.0
    """

    name = "opus"
    reference = "arXiv 1805.11852"

    kbps: float = 24.0

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not coding.OPUS_LEAST <= self.kbps <= coding.OPUS_MOST:
            raise StaanetError(f"expected kbps in {coding.OPUS_LEAST}..{coding.OPUS_MOST}, got {self.kbps:g}")

    def decoded(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Return the decoded samples `[T]` of a clip."""
        return coding.at_rate(samples, sample_rate, coding.OPUS_RATE, lambda clip: coding.opus(clip, self.kbps))
