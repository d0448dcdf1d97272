"""What a model hears was compressed and decoded again."""

import io
from dataclasses import dataclass
from typing import cast

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.defences.base import InputDefence, straight_through

RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000)
"""In Hz, of MPEG-2 and 2.5, whose bit rates reach from `LEAST` to `MOST`."""

LEAST, MOST = 8, 160

LEVEL = 0.95
"""At which libsndfile writes MP3, so that no peak is cut; it is undone."""


@dataclass(frozen=True)
class MP3(InputDefence):
    """Clips as they come back from MP3 of a constant bit rate (LAME), neither delayed nor lengthened.

    Source: compression as N. Das et al. (KDD 2018) put it before an image classifier, and "ADAGIO" (ECML PKDD 2018)
    before a speech recogniser.

    Args:
        kbps: bits per second, in thousands; below 48 the file says nothing of its delay, which could not be undone.

    >>> clip = 0.5 * torch.sin(torch.arange(4000) * 2 * torch.pi * 440 / 16_000)[None]
    >>> change = MP3()(clip, torch.tensor([4000]), 16_000) - clip
    >>> bool(0 < change[0, 500:-500].abs().max() < 0.02)
    True
    """

    name = "mp3"
    reference = "arXiv 1805.11852"

    kbps: int = 64

    def __post_init__(self) -> None:
        """Refuse a bit rate that there is not."""
        if not 48 <= self.kbps <= MOST:
            raise StaanetError(f"expected kbps in 48..{MOST}, got {self.kbps}")

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
        """Return the decoded waveforms `[B, T]`."""
        if sample_rate not in RATES:
            known = ", ".join(map(str, RATES))
            raise StaanetError(f"expected a sample rate of {known} Hz for mp3, got {sample_rate}")
        decoded = torch.zeros_like(waveforms)
        for row, clip, length in zip(decoded, waveforms.detach(), lengths.tolist(), strict=True):
            row[:length] = torch.from_numpy(self._decoded(clip[:length].cpu().numpy(), sample_rate))
        return straight_through(waveforms, decoded)

    def _decoded(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        buffer = io.BytesIO()
        soundfile.write(
            buffer,
            samples.clip(-1, 1),
            sample_rate,
            format="MP3",
            subtype="MPEG_LAYER_III",
            bitrate_mode="CONSTANT",
            compression_level=(MOST - self.kbps) / (MOST - LEAST),
        )
        buffer.seek(0)
        decoded, _ = soundfile.read(buffer, dtype="float32")
        return cast("NDArray[np.float32]", decoded / LEVEL)
