"""Audio effects by librosa: trim silence, shift pitch, stretch time, invert spectrograms.

librosa is installed with the extra `systematic` and is imported inside the functions that use it.
"""

import importlib
import importlib.util
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from staanet.audio.spectrogram import LogMel
from staanet.core.errors import StaanetError

EXTRA = "staanet[systematic]"

Samples = NDArray[np.float32]

VOCODER = 2048
"""Frame size in samples of the phase vocoder that changes pitch and time; clips must be at least as long."""

ROUNDS = 32
"""Iterations of the Griffin-Lim algorithm."""


def check_installed() -> None:
    """Check that librosa is installed.

    Raises:
        StaanetError: If it is not.
    """
    if importlib.util.find_spec("librosa") is None:
        raise StaanetError(f"expected the package librosa, found none; install {EXTRA}")


def _librosa() -> Any:
    check_installed()
    return importlib.import_module("librosa")


def trim(samples: Samples, below_db: float = 30.0) -> Samples:
    """Remove the quiet frames at both ends of a clip `[T]`, as `librosa.effects.trim` does.

    Args:
        samples: The clip `[T]`.
        below_db: A frame is quiet if its power is this many dB below that of the loudest frame. Frames have 512 samples
            every 64 samples, as in arXiv 2404.18514.

    >>> clip = np.concatenate([np.zeros(4000), np.ones(4000), np.zeros(4000)]).astype(np.float32)
    >>> 4000 < len(trim(clip)) < 4600
    True
    """
    trimmed, _ = _librosa().effects.trim(samples, top_db=below_db, frame_length=512, hop_length=64)
    return cast(Samples, trimmed)


def shift_pitch(samples: Samples, sample_rate: int, semitones: float) -> Samples:
    """Shift the pitch of a clip `[T]` without changing its length.

    Args:
        samples: The clip `[T]`.
        sample_rate: Sampling rate in Hz.
        semitones: Semitones to shift by; positive is higher.

    Raises:
        StaanetError: If the clip is shorter than the vocoder's frame.
    """
    _check_length(samples)
    return cast(Samples, _librosa().effects.pitch_shift(samples, sr=sample_rate, n_steps=semitones))


def stretch(samples: Samples, factor: float) -> Samples:
    """Play a clip `[T]` `factor` times as fast without changing its pitch.

    Shape: `[T]` -> `[round(T / factor)]`.

    Raises:
        StaanetError: If the clip is shorter than the vocoder's frame.
    """
    _check_length(samples)
    return cast(Samples, _librosa().effects.time_stretch(samples, rate=factor))


def _check_length(samples: Samples) -> None:
    if len(samples) < VOCODER:
        raise StaanetError(
            f"expected a clip of {VOCODER} samples or more to change its pitch or time, got {len(samples)}"
        )


def resynthesise(power: Tensor, sample_rate: int, settings: LogMel = LogMel()) -> Samples:
    """Return a waveform with a given mel spectrogram and peak 1, for listening; phases and fine detail are estimated.

    The linear spectrum is found by non-negative least squares, the phases by 32 iterations of D. W. Griffin, J. S. Lim,
    "Signal estimation from modified short-time Fourier transform", IEEE TASSP 32, 1984.

    Args:
        power: Mel power, as `mel_power` or `power_of` returns it. Its overall level does not matter.
        sample_rate: Sampling rate in Hz.
        settings: Settings of the spectrogram.

    Shape: power `[bands, frames]` -> `[(frames - 1) * hop]`.

    Raises:
        StaanetError: If the power is negative, not finite, or zero everywhere, or librosa is not installed.
    """
    levels = power.detach().cpu().double().numpy()
    if levels.shape[:1] != (settings.bands,) or levels.ndim != 2:
        raise StaanetError(
            f"expected mel power [{settings.bands}, frames], got {list(levels.shape)}; one clip at a time"
        )
    if not (np.isfinite(levels).all() and levels.min() >= 0 < levels.max()):
        raise StaanetError("expected finite power, none below 0 and some above; give power, not decibels")
    librosa = _librosa()
    spectrum = librosa.feature.inverse.mel_to_stft(levels / levels.max(), sr=sample_rate, n_fft=settings.n_fft)
    samples = librosa.griffinlim(
        spectrum, n_iter=ROUNDS, hop_length=settings.hop, n_fft=settings.n_fft, random_state=0
    ).astype(np.float32)
    return cast(Samples, samples / np.abs(samples).max())
