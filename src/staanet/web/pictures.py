"""What the page draws: the samples of a clip and of its change, and the spectrograms of both and their difference."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from staanet.audio.front_ends.mel_scale import mel
from staanet.audio.spectrogram import TOP_DB, LogMel, log_mel

BANDS = 96
FRAME_SECONDS, HOP_SECONDS = 0.032, 0.01
RANGE_DB = 40.0
"""Difference of two levels in dB that is drawn in the strongest colour."""

HERTZ = (250, 500, 1000, 2000, 4000, 8000, 16_000)
"""Frequencies that are marked."""


def samples(clean: Tensor, adversarial: Tensor) -> dict[str, bytes]:
    """Return the samples of a clip `[1, T]` and of its change as little-endian 32-bit floats."""
    change = adversarial - clean
    return {
        f"{name}.f32": values[0].detach().cpu().numpy().astype("<f4").tobytes()
        for name, values in (("original", clean), ("change", change))
    }


def pictures(clean: Tensor, adversarial: Tensor, rate: int) -> dict[str, Any]:
    """Return the log-mel spectrograms of a clip `[1, T]`, of its attacked version, and their difference.

    Each is a matrix of bytes, frame by frame from the lowest band to the highest. Levels go from 0, 80 dB below the
    loudest cell of the clean clip, to 255; differences from 0 (-40 dB) over 128 (none) to 255.
    """
    settings = LogMel(BANDS, n_fft=max(2, round(FRAME_SECONDS * rate)), hop=max(1, round(HOP_SECONDS * rate)))
    with torch.no_grad():
        before, after = (log_mel(clip.detach().cpu().float(), rate, settings)[0] for clip in (clean, adversarial))
    top = float(before.max())
    marked = [hertz for hertz in HERTZ if hertz < rate / 2]
    return {
        "rate": rate,
        "spectrogram": {
            "bands": BANDS,
            "frames": before.shape[1],
            "seconds_per_frame": settings.hop / rate,
            "marks": [{"hertz": hertz, "height": mel(hertz) / mel(rate / 2)} for hertz in marked],
            "before": _bytes((before - (top - TOP_DB)) / TOP_DB),
            "after": _bytes((after - (top - TOP_DB)) / TOP_DB),
            "difference": _bytes((after - before) / (2 * RANGE_DB) + 0.5),
            "range_db": RANGE_DB,
        },
    }


def _bytes(shares: Tensor) -> bytes:
    """Return shares `[bands, frames]` from 0 to 1 as bytes, frame by frame."""
    found: bytes = (shares.clamp(0, 1) * 255).round().to(torch.uint8).T.contiguous().numpy().astype(np.uint8).tobytes()
    return found
