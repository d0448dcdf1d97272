"""MP3: clips are compressed and decoded again."""

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
"""Supported sampling rates in Hz: those of MPEG-2 and 2.5, whose bit rates lie between `LEAST` and `MOST`."""

LEAST, MOST = 8, 160
"""Lowest and highest bit rate in kbit/s."""

LEVEL = 0.95
"""Gain that libsndfile applies when it writes MP3, to avoid clipping; it is undone after decoding."""


@dataclass(frozen=True)
class MP3(InputDefence):
    """MP3 compression at a constant bit rate (LAME), without delay or change of length.

    Compression is the defence of N. Das et al. for image classification (KDD 2018) and speech recognition ("ADAGIO",
    ECML PKDD 2018). Gradients pass through it unchanged.

    Args:
        kbps: Bit rate in kbit/s, in 48..160. Files with lower bit rates do not store their delay, so it could not be
            undone.

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
        if sample_rate not in RATES:
            known = ", ".join(map(str, RATES))
            raise StaanetError(f"expected a sample rate of {known} Hz for mp3, got {sample_rate}")
        decoded = torch.zeros_like(waveforms)
        for row, clip, length in zip(decoded, waveforms.detach(), lengths.tolist(), strict=True):
            row[:length] = torch.from_numpy(self._decoded(clip[:length].cpu().numpy(), sample_rate))
        return straight_through(waveforms, decoded)

    def _decoded(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Return one clip `[T]` after compression and decoding."""
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
