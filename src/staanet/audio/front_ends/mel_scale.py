"""Mel scales and mel filters, with the numbers of librosa."""

import functools
import math
from typing import Literal

import torch
from torch import Tensor

from staanet.core.errors import StaanetError

LINEAR = 3 / 200
"""Mels per Hz below `BREAK`."""
BREAK = 1000.0
"""Frequency in Hz, at 15 mels, above which the mel scale is logarithmic: every 27 mels are a factor of 6.4."""

FilterNorm = Literal["slaney"] | float | None


def mel(hertz: float, htk: bool = False) -> float:
    """Convert a frequency in Hz to the mel scale.

    Args:
        hertz: Frequency in Hz; 0 or more.
        htk: Whether to use the scale of HTK, 2595 log10(1 + f / 700), instead of that of Slaney's Auditory Toolbox,
            which is the default of librosa.

    >>> mel(200), mel(1000), mel(6400)
    (3.0, 15.0, 42.0)
    """
    if htk:
        return 2595 * math.log10(1 + hertz / 700)
    if hertz < BREAK:
        return hertz * LINEAR
    return BREAK * LINEAR + 27 * math.log(hertz / BREAK) / math.log(6.4)


def _hertz(mels: Tensor, htk: bool) -> Tensor:
    """Convert mels to frequencies in Hz."""
    if htk:
        return 700 * (10 ** (mels / 2595) - 1)
    above = BREAK * torch.exp((mels - BREAK * LINEAR) * math.log(6.4) / 27)
    return torch.where(mels < BREAK * LINEAR, mels / LINEAR, above)


@functools.cache
def mel_filters(
    sample_rate: float,
    n_fft: int,
    bands: int,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: FilterNorm = "slaney",
) -> Tensor:
    """Return triangular filters `[bands, n_fft // 2 + 1]` in float64, equally spaced in mel, as `librosa.filters.mel`.

    A band that is narrower than the distance between two frequencies may contain none; its filter is zero.

    Args:
        sample_rate: Sampling rate in Hz.
        n_fft: Frame size in samples.
        bands: Number of filters.
        fmin: Lowest frequency in Hz.
        fmax: Highest frequency in Hz. Default: half the sampling rate.
        htk: Whether to use the mel scale of HTK.
        norm: `slaney` gives each filter the area 1 in Hz, a number p the p-norm 1, None the height 1.
    """
    fmax = sample_rate / 2 if fmax is None else fmax
    mels = torch.linspace(mel(fmin, htk), mel(fmax, htk), bands + 2, dtype=torch.float64)
    edges = _hertz(mels, htk)
    frequencies = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * sample_rate / n_fft
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    filters = torch.minimum(rising, falling).clamp_min(0)
    if norm == "slaney":
        return filters * (2 / (edges[2:] - edges[:-2]))[:, None]
    if isinstance(norm, str):
        raise StaanetError(f"expected norm slaney, a number or None, got {norm!r}")
    return filters if norm is None else normalised(filters, norm, dim=1)


def normalised(values: Tensor, norm: float, dim: int) -> Tensor:
    """Divide by the p-norm along a dimension, as `librosa.util.normalize`; where it is zero, values stay as they are.

    >>> normalised(torch.tensor([[1.0, 3.0], [0.0, 0.0]]), 1, dim=1)
    tensor([[0.2500, 0.7500],
            [0.0000, 0.0000]])
    """
    if not norm > 0:
        raise StaanetError(f"expected norm above 0, got {norm}")
    silent = values.abs().amax(dim, keepdim=True) < torch.finfo(values.dtype).tiny
    length = torch.linalg.vector_norm(torch.where(silent, 1.0, values), norm, dim=dim, keepdim=True)
    return values / torch.where(silent, 1.0, length)
