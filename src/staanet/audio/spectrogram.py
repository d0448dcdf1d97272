"""Log-mel spectrograms and cepstral coefficients: differentiable, with the same numbers as librosa."""

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
"""Mels per Hz below `BREAK`."""
BREAK = 1000.0
"""Frequency in Hz, at 15 mels, above which the mel scale is logarithmic: every 27 mels are a factor of 6.4."""

TOP_DB = 80.0
"""Dynamic range in dB: lower cells are raised to this distance below the clip's loudest cell, on either scale."""

FLOORS = {"power": 1e-10, "published": 1e-5}
"""Smallest mel power on each scale of decibels; lower power is raised to it."""


@dataclass(frozen=True)
class LogMel:
    """Settings of a log-mel spectrogram. The defaults are those of arXiv 2404.18514: 128 x 261 for 3 s at 16 kHz.

    Args:
        bands: Number of mel bands between 0 Hz and half the sampling rate; 1 or more.
        n_fft: Frame size in samples; 2 or more.
        hop: Distance between two frames in samples; 1 or more.
        decibels: Scale: `power` is 10 log10 of the mel power. `published` is 20 log10 of the mel power relative to the
            clip's lowest cell, as in the original code of arXiv 2404.18514, so that 10 dB count as 20.
    """

    bands: int = 128
    n_fft: int = 368
    hop: int = 184
    decibels: Literal["power", "published"] = "power"

    def __post_init__(self) -> None:
        """Validate the settings."""
        for name, least in (("bands", 1), ("n_fft", 2), ("hop", 1)):
            if getattr(self, name) < least:
                raise StaanetError(f"expected {name} of {least} or more, got {getattr(self, name)}")

    def frames(self, size: int) -> int:
        """Return the number of frames of a clip of `size` samples; frames are centred on every `hop`-th sample.

        >>> LogMel().frames(48_000)
        261
        """
        return 1 + (size + 2 * (self.n_fft // 2) - self.n_fft) // self.hop


def mel(hertz: float) -> float:
    """Convert a frequency in Hz to the mel scale of Slaney's Auditory Toolbox, the default of librosa.

    >>> mel(200), mel(1000), mel(6400)
    (3.0, 15.0, 42.0)
    """
    if hertz < BREAK:
        return hertz * LINEAR
    return BREAK * LINEAR + 27 * math.log(hertz / BREAK) / math.log(6.4)


@functools.cache
def mel_filters(sample_rate: int, n_fft: int, bands: int) -> Tensor:
    """Return triangular filters `[bands, n_fft // 2 + 1]` in float64, equally spaced in mel, each with area 1 in Hz.

    A band that is narrower than the distance between two frequencies may contain none; its filter is zero.
    """
    mels = torch.linspace(0, mel(sample_rate / 2), bands + 2, dtype=torch.float64)
    above = BREAK * torch.exp((mels - BREAK * LINEAR) * math.log(6.4) / 27)
    edges = torch.where(mels < BREAK * LINEAR, mels / LINEAR, above)  # Hz
    frequencies = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * sample_rate / n_fft
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp_min(0) * (2 / (edges[2:] - edges[:-2]))[:, None]


def mel_power(waveforms: Tensor, sample_rate: int, settings: LogMel = LogMel()) -> Tensor:
    """Return the power in each mel band, with a Hann window, centred frames and zero padding at both ends.

    Args:
        waveforms: Clips `[B, T]` in [-1, 1].
        sample_rate: Sampling rate in Hz.
        settings: Frame size, hop and number of bands.

    Shape: waveforms `[B, T]` -> `[B, bands, frames]`.
    """
    window = torch.hann_window(settings.n_fft, dtype=waveforms.dtype, device=waveforms.device)
    spectrum = torch.stft(
        waveforms, settings.n_fft, settings.hop, window=window, pad_mode="constant", return_complex=True
    )
    return mel_filters(sample_rate, settings.n_fft, settings.bands).to(waveforms) @ spectrum.abs().square()


def log_mel(waveforms: Tensor, sample_rate: int, settings: LogMel = LogMel()) -> Tensor:
    """Return the mel power in dB, limited to 80 dB below each clip's loudest cell.

    The scale `power` equals `librosa.power_to_db`: relative to 1, at least -100 dB. The scale `published` equals
    `librosa.amplitude_to_db(power, ref=np.min)`: relative to the clip's lowest cell or to 1e-5, whichever is larger,
    so never negative. For silence, both give finite values and finite gradients.

    Args:
        waveforms: Clips `[B, T]` in [-1, 1].
        sample_rate: Sampling rate in Hz.
        settings: Frame size, hop, number of bands and scale.

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
    """Return the first `count` mel-frequency cepstral coefficients of log-mel spectrograms, as `librosa.feature.mfcc`.

    Shape: `[B, bands, frames]` -> `[B, count, frames]`.

    Raises:
        StaanetError: If `count` is not between 1 and the number of bands.

    >>> mfcc(torch.ones(1, 4, 1), 2)[0, :, 0]
    tensor([2., 0.])
    """
    if not 1 <= count <= decibels.shape[1]:
        raise StaanetError(f"expected 1..{decibels.shape[1]} coefficients, at most as many as bands, got {count}")
    return cosines(count, decibels.shape[1]).to(decibels) @ decibels


def log_mel_distance(waveforms: Tensor, others: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
    """Return the Euclidean distance in dB between the log-mel spectrograms of two batches of clips.

    Each pair of clips is compared at its own length, with the default spectrogram settings.

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
    """Return the mel power of a log-mel spectrogram; on the scale `published`, up to a factor per clip.

    Shape: `[B, bands, frames]` -> the same.

    >>> power_of(torch.tensor([20.0])), power_of(torch.tensor([20.0]), LogMel(decibels="published"))
    (tensor([100.]), tensor([10.]))
    """
    return 10 ** (decibels / (20 if settings.decibels == "published" else 10))
