"""Vorbis: clips are compressed and decoded again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from staanet.audio import coding
from staanet.core.errors import StaanetError
from staanet.defences.base import Codec


@dataclass(frozen=True)
class Vorbis(Codec):
    """Vorbis compression at a variable bit rate, without delay or change of length.

    Compression is the defence of N. Das et al. for speech recognition ("ADAGIO", ECML PKDD 2018). Gradients pass
    through it unchanged.

    Args:
        quality: Quality in 0..1.

    >>> Vorbis().quality
    0.2
    """

    name = "vorbis"
    reference = "arXiv 1805.11852"

    quality: float = 0.2

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not coding.VORBIS_LEAST <= self.quality <= coding.VORBIS_MOST:
            raise StaanetError(f"expected quality in 0..1, got {self.quality:g}")

    def decoded(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Return the decoded samples `[T]` of a clip."""
        return coding.vorbis(samples, sample_rate, self.quality)
