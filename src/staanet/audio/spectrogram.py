"""Log-mel spectrograms and cepstral coefficients: differentiable, with the same numbers as librosa."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from staanet.audio.front_ends.cepstra import cosines
from staanet.audio.front_ends.decibels import decibels
from staanet.audio.front_ends.mel_scale import mel_filters
from staanet.core.errors import StaanetError

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
    power = mel_power(waveforms, sample_rate, settings)
    if settings.decibels == "published":
        return decibels(power, 20, "min", FLOORS["published"], TOP_DB)
    return decibels(power, 10, 1.0, FLOORS["power"], TOP_DB)


def mfcc(spectrograms: Tensor, count: int) -> Tensor:
    """Return the first `count` mel-frequency cepstral coefficients of log-mel spectrograms, as `librosa.feature.mfcc`.

    Shape: `[B, bands, frames]` -> `[B, count, frames]`.

    Raises:
        StaanetError: If `count` is not between 1 and the number of bands.

    >>> mfcc(torch.ones(1, 4, 1), 2)[0, :, 0]
    tensor([2., 0.])
    """
    return cosines(count, spectrograms.shape[1]).to(spectrograms) @ spectrograms


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


def power_of(spectrograms: Tensor, settings: LogMel = LogMel()) -> Tensor:
    """Return the mel power of a log-mel spectrogram; on the scale `published`, up to a factor per clip.

    Shape: `[B, bands, frames]` -> the same.

    >>> power_of(torch.tensor([20.0])), power_of(torch.tensor([20.0]), LogMel(decibels="published"))
    (tensor([100.]), tensor([10.]))
    """
    return 10 ** (spectrograms / (20 if settings.decibels == "published" else 10))
