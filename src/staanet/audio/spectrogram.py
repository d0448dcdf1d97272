"""The log-mel spectrogram: differentiable, and equal to librosa's."""

import functools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.fft
import torch
from torch import Tensor

from staanet.core.errors import StaanetError

LINEAR = 3 / 200
"""Mels per hertz below `BREAK`."""
BREAK = 1000.0
"""In hertz, 15 mels: above it, every 27 mels are a factor of 6.4."""

TOP_DB = 80.0
"""What lies so far below a clip's loudest cell is raised to it, on either scale."""

FLOORS = {"power": 1e-10, "published": 1e-5}
"""The least mel power that each scale of decibels tells from silence."""


@dataclass(frozen=True)
class LogMel:
    """How a spectrogram is made; the defaults are those of arXiv 2404.18514, 128 x 261 for 3 s at 16 kHz.

    Args:
        bands: on the mel scale, from 0 to half the sampling rate.
        n_fft: samples of a frame.
        hop: samples from one frame to the next.
        decibels: `power`, 10 log10 of the mel power; or `published`, what the authors' code makes of it: 20 log10, so
            that a difference of 10 dB counts as 20, above the clip's lowest cell.
    """

    bands: int = 128
    n_fft: int = 368
    hop: int = 184
    decibels: Literal["power", "published"] = "power"

    def __post_init__(self) -> None:
        """Refuse sizes of which no spectrogram can be made."""
        for name, least in (("bands", 1), ("n_fft", 2), ("hop", 1)):
            if getattr(self, name) < least:
                raise StaanetError(f"expected {name} of {least} or more, got {getattr(self, name)}")

    def frames(self, size: int) -> int:
        """Return the number of frames of a clip of so many samples: one around every `hop`-th sample.

        >>> LogMel().frames(48_000)
        261
        """
        return 1 + (size + 2 * (self.n_fft // 2) - self.n_fft) // self.hop


def mel(hertz: float) -> float:
    """Return a frequency on the mel scale of Slaney's Auditory Toolbox, which librosa uses as well.

    >>> mel(200), mel(1000), mel(6400)
    (3.0, 15.0, 42.0)
    """
    if hertz < BREAK:
        return hertz * LINEAR
    return BREAK * LINEAR + 27 * math.log(hertz / BREAK) / math.log(6.4)


@functools.cache
def mel_filters(sample_rate: int, n_fft: int, bands: int) -> Tensor:
    """Return triangular filters `[bands, n_fft // 2 + 1]` in float64, equally spaced in mel, each of area 1 in hertz.

    Where bands are narrower than the frequencies are spaced, some hold none: all zero, so is what they hear.
    """
    mels = torch.linspace(0, mel(sample_rate / 2), bands + 2, dtype=torch.float64)
    above = BREAK * torch.exp((mels - BREAK * LINEAR) * math.log(6.4) / 27)
    edges = torch.where(mels < BREAK * LINEAR, mels / LINEAR, above)  # Hz
    frequencies = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * sample_rate / n_fft
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp_min(0) * (2 / (edges[2:] - edges[:-2]))[:, None]


def mel_power(waveforms: Tensor, sample_rate: int, settings: LogMel = LogMel()) -> Tensor:
    """Return the power in each mel band: Hann window, frames centred, zeros before and after the clip.

    Shape: waveforms `[B, T]` -> `[B, bands, frames]`.
    """
    window = torch.hann_window(settings.n_fft, dtype=waveforms.dtype, device=waveforms.device)
    spectrum = torch.stft(
        waveforms, settings.n_fft, settings.hop, window=window, pad_mode="constant", return_complex=True
    )
    return mel_filters(sample_rate, settings.n_fft, settings.bands).to(waveforms) @ spectrum.abs().square()


def log_mel(waveforms: Tensor, sample_rate: int, settings: LogMel = LogMel()) -> Tensor:
    """Return the mel power in dB, down to 80 dB below each clip's loudest cell.

    `power` is relative to 1 and never less than -100 dB: `librosa.power_to_db`. `published` is
    `librosa.amplitude_to_db(power, ref=np.min)`, relative to the clip's lowest cell and at least to 1e-5; never
    negative. Both give a finite number and gradient for silence.

    Args:
        waveforms: clips, in full scale.
        sample_rate: in Hz.
        settings: sizes and scale.

    Shape: waveforms `[B, T]` -> `[B, bands, frames]`.

    >>> log_mel(torch.zeros(1, 48_000), 16_000).shape
    torch.Size([1, 128, 261])
    """
    power = mel_power(waveforms, sample_rate, settings).clamp_min(FLOORS[settings.decibels])
    if settings.decibels == "published":
        decibels = 20 * (power.log10() - power.amin((1, 2), keepdim=True).log10())
    else:
        decibels = 10 * power.log10()
    return torch.maximum(decibels, decibels.amax((1, 2), keepdim=True) - TOP_DB)


@functools.cache
def cosines(count: int, bands: int) -> Tensor:
    """Return the first `count` rows of the orthonormal cosine transform of `bands` values, in float64."""
    return torch.from_numpy(scipy.fft.dct(np.eye(bands), axis=0, norm="ortho")[:count])


def mfcc(decibels: Tensor, count: int) -> Tensor:
    """Return the first mel-frequency cepstral coefficients of log-mel spectrograms: `librosa.feature.mfcc`.

    Shape: `[B, bands, frames]` -> `[B, count, frames]`.

    Raises:
        StaanetError: more than there are bands.

    >>> mfcc(torch.ones(1, 4, 1), 2)[0, :, 0]
    tensor([2., 0.])
    """
    if not 1 <= count <= decibels.shape[1]:
        raise StaanetError(f"expected 1..{decibels.shape[1]} coefficients of so many bands, got {count}")
    return cosines(count, decibels.shape[1]).to(decibels) @ decibels


def log_mel_distance(waveforms: Tensor, others: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
    """Return how far the log-mel spectrograms of clips are from those of others, in dB, as Euclidean norms `[B]`.

    Each clip by itself, as long as it is: 128 bands and a frame every 184 samples, in decibels of power.

    Shape: waveforms and others `[B, T]`, lengths `[B]` -> `[B]`.

    >>> clip = torch.rand(1, 4000)
    >>> log_mel_distance(clip, clip, torch.tensor([4000]), 16_000)
    tensor([0.])
    """
    distances = [
        (log_mel(one[None, :length], sample_rate) - log_mel(other[None, :length], sample_rate)).norm()
        for one, other, length in zip(waveforms, others, lengths.tolist(), strict=True)
    ]
    return torch.stack(distances)


def power_of(decibels: Tensor, settings: LogMel = LogMel()) -> Tensor:
    """Return the mel power that a log-mel spectrogram stands for; `published` ones have lost its level.

    Shape: `[B, bands, frames]` -> the same.

    >>> power_of(torch.tensor([20.0])), power_of(torch.tensor([20.0]), LogMel(decibels="published"))
    (tensor([100.]), tensor([10.]))
    """
    return 10 ** (decibels / (20 if settings.decibels == "published" else 10))
