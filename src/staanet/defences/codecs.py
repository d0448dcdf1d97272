"""Codecs: clips are compressed and decoded again."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from staanet.audio import coding
from staanet.core.errors import StaanetError
from staanet.defences.base import Codec

MP3_MOST = 160
"""Highest bit rate of MP3 in kbit/s; below 16 kHz, it is 64."""


@dataclass(frozen=True)
class G711(Codec):
    """The telephone network: 8 kHz and logarithmic quantisation to 8 bits (ITU-T G.711).

    Quantisation and down-sampling are defences of Z. Yang et al. for speech recognition (ICLR 2019). Gradients pass
    through it unchanged.

    Args:
        law: `mu` (North America, Japan) or `a` (elsewhere).

    >>> G711().law
    'mu'
    """

    name = "g711"
    reference = "arXiv 1809.10875"

    law: Literal["mu", "a"] = "mu"

    def decoded(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Return the decoded samples `[T]` of a clip."""
        return coding.at_rate(samples, sample_rate, coding.TELEPHONE_RATE, lambda clip: coding.g711(clip, self.law))


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
        if not 48 <= self.kbps <= MP3_MOST:
            raise StaanetError(f"expected kbps in 48..{MP3_MOST}, got {self.kbps}")

    def decoded(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Return the decoded samples `[T]` of a clip."""
        return coding.mp3(samples, sample_rate, self.kbps)


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
