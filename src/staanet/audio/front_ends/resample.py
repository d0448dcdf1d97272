"""Resampling by a polyphase filter: differentiable, with the numbers of SciPy."""

import functools
import math

import scipy
import torch
from torch import Tensor
from torch.nn import functional

from staanet.audio.front_ends.base import FrontEnd
from staanet.core.errors import StaanetError

LOBES = 10
"""Half the length of the filter, in samples of the lower of the two rates."""


@functools.cache
def _phases(up: int, down: int) -> tuple[Tensor, int]:
    """Return the filters of each output sample of a period, `[up, taps]`, and the samples by which they start earlier.

    Output sample p + j * up is the sum of filter p times the `taps` samples from `j * down - early` on.
    """
    if up == down:
        return torch.ones(1, 1), 0
    half = LOBES * max(up, down)
    response = up * torch.from_numpy(scipy.signal.firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", 5.0)))
    early = half // up
    taps = early + (half + (up - 1) * down) // up + 1
    delay = half + torch.arange(up)[:, None] * down - (torch.arange(taps) - early) * up  # place in the response
    inside = (delay >= 0) & (delay <= 2 * half)
    return torch.where(inside, response[delay.clamp(0, 2 * half)], 0.0), early


class Resample(FrontEnd):
    """Resampling by a rational factor, equal to `scipy.signal.resample_poly` with its default filter.

    `librosa.load` resamples with soxr instead, which differs at the highest frequencies only.

    Args:
        orig_sr: Sampling rate of the input in Hz; a whole number.
        target_sr: Sampling rate of the output in Hz; a whole number.

    Shape: waveforms `[B, T]`, lengths `[B]` -> `[B, ceil(T * target_sr / orig_sr)]`.

    Raises:
        StaanetError: If a rate is not a whole number above 0.

    >>> Resample(orig_sr=44_100, target_sr=16_000)(torch.zeros(1, 44_100)).shape
    torch.Size([1, 16000])
    """

    filters: Tensor

    def __init__(self, *, orig_sr: int, target_sr: int) -> None:
        super().__init__()
        if not all(isinstance(rate, int) and rate > 0 for rate in (orig_sr, target_sr)):
            raise StaanetError(f"expected sampling rates in Hz as whole numbers, got {orig_sr!r} and {target_sr!r}")
        common = math.gcd(orig_sr, target_sr)
        self.up, self.down = target_sr // common, orig_sr // common
        filters, self.early = _phases(self.up, self.down)
        self.register_buffer("filters", filters.float(), persistent=False)

    def features(self, waveforms: Tensor) -> Tensor:
        """Return the resampled clips of clips `[B, T]`."""
        size = -(-waveforms.shape[1] * self.up // self.down)
        periods = -(-size // self.up)
        late = (periods - 1) * self.down + self.filters.shape[1] - self.early - waveforms.shape[1]
        clips = functional.pad(waveforms, (self.early, max(0, late)))
        outputs = functional.conv1d(clips[:, None], self.filters.to(waveforms)[:, None], stride=self.down)
        return outputs.transpose(1, 2).flatten(1)[:, :size]  # [B, up, periods] -> [B, size]
