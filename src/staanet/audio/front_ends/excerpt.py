"""Excerpts of clips: offset, duration and a fixed length."""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from staanet.audio.front_ends.base import FrontEnd, check_choice, check_minimum
from staanet.core.errors import StaanetError


class Excerpt(FrontEnd):
    """The excerpt of each clip that `librosa.load(..., offset=offset, duration=duration)` reads.

    At least one sample of a clip remains, even if the clip is shorter than the offset. Seconds are rounded down to
    whole samples, as librosa does.

    Args:
        sr: Sampling rate in Hz.
        offset: Seconds that are skipped at the beginning; 0 or more.
        duration: Length of the excerpt in seconds. Default: up to the end of the clip.
        fill: How a shorter clip is filled up to `duration`: it is followed by `zeros`, or repeated (`repeat`). Default:
            it stays shorter, as in librosa.
        crop: Part of a longer clip that is kept, after the offset: its `start`, as in librosa, or its `centre`.

    Shape: waveforms `[B, T]`, lengths `[B]` -> `[B, samples]`.

    Raises:
        StaanetError: If a setting is out of its range.

    >>> Excerpt(sr=2, offset=0.5, duration=2.0, fill="zeros")(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    tensor([[2., 3., 4., 0.]])
    """

    def __init__(
        self,
        *,
        sr: float,
        offset: float = 0.0,
        duration: float | None = None,
        fill: Literal["zeros", "repeat"] | None = None,
        crop: Literal["start", "centre"] = "start",
    ) -> None:
        super().__init__()
        check_choice("fill", fill, (None, "zeros", "repeat"))
        check_choice("crop", crop, ("start", "centre"))
        check_minimum(1, sr=sr)
        check_minimum(0, offset=offset)
        if duration is None and (fill or crop == "centre"):
            raise StaanetError("expected a duration with fill or crop='centre', got none; set the length in seconds")
        if duration is not None and not 1 <= duration * sr < math.inf:
            raise StaanetError(f"expected a duration of one sample or more, got {duration} s at {sr} Hz")
        self.start, self.size = int(offset * sr), None if duration is None else int(duration * sr)
        self.fill, self.crop = fill, crop

    def features(self, waveforms: Tensor) -> Tensor:
        """Return the excerpts `[B, samples]` of clips `[B, T]`."""
        clips = waveforms[:, min(self.start, waveforms.shape[1] - 1) :]
        if self.size is None:
            return clips
        first = max(0, clips.shape[1] - self.size) // 2 if self.crop == "centre" else 0
        clips = clips[:, first : first + self.size]
        if self.fill == "repeat":
            return clips[:, torch.arange(self.size, device=clips.device) % clips.shape[1]]
        return functional.pad(clips, (0, self.size - clips.shape[1])) if self.fill == "zeros" else clips
