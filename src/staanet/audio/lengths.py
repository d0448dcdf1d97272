"""Lengths of clips: repeat or cut to one length, as the STAA-Net paper does; trim silence; standardise."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SILENCE = 1e-5
"""A clip that stays within this distance of its mean is silent; it is less than one step of 16-bit audio."""

ROUNDING = 1e-5
"""Share of the deviation of a clip above which the rounding of its mean is corrected; 1e-7 is usual in speech."""


def fit_length(waveforms: Tensor, lengths: Tensor, size: int) -> Tensor:
    """Repeat or cut every clip to `size` samples; gradients flow back to the original samples.

    Shape: waveforms `[B, T]`, lengths `[B]` -> `[B, size]`.

    >>> fit_length(torch.tensor([[1.0, 2.0, 0.0]]), torch.tensor([2]), 5)
    tensor([[1., 2., 1., 2., 1.]])
    """
    if int(lengths.min()) >= size:
        return waveforms[:, :size]
    index = torch.arange(size, device=waveforms.device) % lengths[:, None]  # [B, size]
    return waveforms.gather(1, index)


def standardise(waveforms: Tensor) -> Tensor:
    """Scale every waveform `[B, T]` to mean 0 and standard deviation 1; silence and constant clips become zero.

    >>> standardise(torch.tensor([[1.0, 3.0], [0.31, 0.31]]))
    tensor([[-0.7071,  0.7071],
            [ 0.0000,  0.0000]])
    """
    centred = waveforms - waveforms.mean(1, keepdim=True)
    centred = centred - _rounding(centred.detach())
    variance = centred.square().sum(1, keepdim=True) / max(waveforms.shape[1] - 1, 1)
    floor = torch.full_like(variance, 1e-14)  # a tensor, because the ONNX exporter drops so small a number
    return centred / (variance + floor).sqrt()


def _rounding(centred: Tensor) -> Tensor:
    """Return the mean that rounding left in centred waveforms, `[B, 1]`; exactly 0 where it is too small to matter.

    It matters only in clips whose deviation is far below their mean. Other clips keep the numbers of one subtraction.
    """
    mean = centred.mean(1, keepdim=True)
    deviation = torch.linalg.vector_norm(centred, dim=1, keepdim=True) / math.sqrt(centred.shape[1])
    return torch.where(mean.abs() > ROUNDING * deviation, mean, 0.0)


def is_silent(samples: NDArray[np.float32]) -> bool:
    """Return whether no sample of a clip `[T]` differs from the mean of the clip by `SILENCE` or more.

    >>> is_silent(np.full(100, 0.31, dtype=np.float32))
    True
    """
    if len(samples) == 0:
        return True
    mean = float(samples.mean(dtype=np.float64))
    return max(float(samples.max()) - mean, mean - float(samples.min())) < SILENCE


def trimmed(samples: NDArray[np.float32], sample_rate: int, below_db: float) -> NDArray[np.float32]:
    """Remove the silence at both ends of a clip.

    Args:
        samples: The clip `[T]`.
        sample_rate: Sampling rate in Hz.
        below_db: A frame of 32 ms is silent if its energy is this many dB below that of the loudest frame.

    >>> clip = np.concatenate([np.zeros(3200), np.ones(1600), np.zeros(3200)]).astype(np.float32)
    >>> len(trimmed(clip, 16_000, below_db=40))
    2048
    """
    frame = max(1, round(0.032 * sample_rate))
    count = -(-len(samples) // frame)
    frames = np.pad(samples, (0, count * frame - len(samples))).reshape(count, frame)
    energy = (frames.astype(np.float64) ** 2).mean(1)
    loud = np.flatnonzero(energy > energy.max(initial=0) * 10 ** (-below_db / 10))
    return samples[loud[0] * frame : (loud[-1] + 1) * frame] if len(loud) else samples
