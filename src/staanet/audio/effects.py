"""What librosa does to a clip: trim it, shift its pitch, stretch its time, make it again from its spectrogram.

librosa comes with the extra `systematic` and is imported where it is used.
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
"""Samples of a frame in which pitch and time are changed; a clip must be no shorter."""

ROUNDS = 32
"""Of Griffin and Lim's search for a phase."""


def check_installed() -> None:
    """Refuse to begin where librosa is missing.

    Raises:
        StaanetError: it is.
    """
    if importlib.util.find_spec("librosa") is None:
        raise StaanetError(f"expected the package librosa, found none; install {EXTRA}")


def _librosa() -> Any:
    check_installed()
    return importlib.import_module("librosa")


def trim(samples: Samples, below_db: float = 30.0) -> Samples:
    """Return a clip `[T]` without what lies `below_db` under its loudest frame at both ends (frames of 512, 64 apart).

    >>> clip = np.concatenate([np.zeros(4000), np.ones(4000), np.zeros(4000)]).astype(np.float32)
    >>> 4000 < len(trim(clip)) < 4600
    True
    """
    trimmed, _ = _librosa().effects.trim(samples, top_db=below_db, frame_length=512, hop_length=64)
    return cast(Samples, trimmed)


def shift_pitch(samples: Samples, sample_rate: int, semitones: float) -> Samples:
    """Return a clip `[T]` as high or low as `semitones` say, and as long as before."""
    _check_length(samples)
    return cast(Samples, _librosa().effects.pitch_shift(samples, sr=sample_rate, n_steps=semitones))


def stretch(samples: Samples, factor: float) -> Samples:
    """Return a clip `[T]` played `factor` times as fast, its pitch unchanged: `[round(T / factor)]`."""
    _check_length(samples)
    return cast(Samples, _librosa().effects.time_stretch(samples, rate=factor))


def _check_length(samples: Samples) -> None:
    if len(samples) < VOCODER:
        raise StaanetError(
            f"expected a clip of {VOCODER} samples or more to change its pitch or time, got {len(samples)}"
        )


def resynthesise(power: Tensor, sample_rate: int, settings: LogMel = LogMel()) -> Samples:
    """Return a clip that sounds like a mel spectrogram, its peak at 1; for listening, since phase and detail are lost.

    Mel bands become frequencies by non-negative least squares, phases come from D. W. Griffin, J. S. Lim, "Signal
    estimation from modified short-time Fourier transform", IEEE TASSP 32, 1984, in 32 rounds.

    Args:
        power: in each band, as `mel_power` returns it or `power_of` finds it again; its level does not matter.
        sample_rate: in Hz.
        settings: by which it was made.

    Shape: power `[bands, frames]` -> `[(frames - 1) * hop]`.

    Raises:
        StaanetError: power that is none (negative, infinite), or silence.
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
