"""Audio files of any sampling rate and number of channels: reading (`staanet.audio.reading`) and writing.

All formats of libsndfile are read (see `staanet.audio.formats`); WAV and FLAC are written.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from staanet.audio.reading import HIGHEST_RATE as HIGHEST_RATE
from staanet.audio.reading import LOWEST_RATE as LOWEST_RATE
from staanet.audio.reading import About as About
from staanet.audio.reading import check_name, peak_of, reason
from staanet.audio.reading import check_peak as check_peak
from staanet.audio.reading import check_rate as check_rate
from staanet.audio.reading import declared as declared
from staanet.audio.reading import encoding as encoding
from staanet.audio.reading import measure as measure
from staanet.audio.reading import printable as printable
from staanet.audio.reading import read as read
from staanet.audio.reading import read_windows as read_windows
from staanet.core.errors import StaanetError
from staanet.core.files import atomic_write

SUBTYPES = {".wav": "FLOAT", ".flac": "PCM_24"}
"""Sample format by file ending. 16 bits would round small perturbations away."""

WAV_BYTES = 0xFFFF0000
"""Largest number of bytes of audio in a WAV file, whose header stores sizes in 32 bits."""


def mono(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean over the channels, `[T, C]` -> `[T]`."""
    total = sum(samples.T)  # much faster than a mean over a short axis
    return cast("NDArray[np.float32]", total / np.float32(samples.shape[1]))


def resample(samples: NDArray[np.float32], rate: int, target_rate: int) -> NDArray[np.float32]:
    """Resample with soxr at very high quality.

    Args:
        samples: Samples `[T]` or `[T, C]`.
        rate: Their sampling rate in Hz.
        target_rate: Sampling rate of the result in Hz.

    >>> resample(np.zeros(441, dtype=np.float32), 44_100, 16_000).shape
    (160,)
    """
    if rate == target_rate:
        return samples
    return cast("NDArray[np.float32]", soxr.resample(samples, rate, target_rate, quality="VHQ"))


def write(path: Path, samples: NDArray[np.float32], rate: int) -> None:
    """Write samples atomically, as 32-bit float WAV or 24-bit FLAC depending on the file ending.

    Args:
        path: File to write, ending in `.wav` or `.flac`.
        samples: Samples `[T]` or `[T, C]` in [-1, 1].
        rate: Sampling rate in Hz.

    Raises:
        StaanetError: If the file ending is another one, or samples lie outside [-1, 1].
    """
    with writing(path, rate, 1 if samples.ndim == 1 else samples.shape[1]) as append:
        append(samples)


HEAD = 80
"""Number of bytes of a WAV file in which libsndfile writes when the file was written, if it does."""


def check_target(path: Path, samples: int = 0) -> None:
    """Check that audio can be written under a name.

    Args:
        path: File to write, ending in `.wav` or `.flac`.
        samples: Number of samples over all channels.

    Raises:
        StaanetError: If the name has another ending or is not UTF-8, or if a WAV file cannot hold so many samples.

    >>> check_target(Path("clip.mp3"))
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: clip.mp3: expected a name ending in .wav or .flac, got '.mp3'
    """
    check_name(path)
    suffix = path.suffix.lower()
    if suffix not in SUBTYPES:
        raise StaanetError(f"{path}: expected a name ending in {' or '.join(SUBTYPES)}, got {path.suffix!r}")
    if suffix == ".wav" and 4 * samples > WAV_BYTES:
        raise StaanetError(f"{path}: expected at most {WAV_BYTES} bytes of audio in WAV, got more; write .flac")


@contextlib.contextmanager
def writing(path: Path, rate: int, channels: int) -> Iterator[Callable[[NDArray[np.float32]], None]]:
    """Return a context that gives a function which appends samples `[t, C]` to a file.

    The file exists only if the block succeeds.

    Args:
        path: File to write, ending in `.wav` or `.flac`.
        rate: Sampling rate in Hz.
        channels: Number of channels.

    Raises:
        StaanetError: If the file ending is another one, samples lie outside [-1, 1], or there are more than a WAV file
            can hold.
    """
    check_target(path)
    suffix, written = path.suffix.lower(), 0

    def append(samples: NDArray[np.float32]) -> None:
        nonlocal written
        _check_full_scale(samples)
        written += len(samples) * channels
        check_target(path, written)
        file.write(samples)

    kind = suffix[1:].upper()
    try:
        with atomic_write(path) as temporary:
            with soundfile.SoundFile(temporary, "w", rate, channels, SUBTYPES[suffix], format=kind) as file:
                yield append
            _remove_time(temporary)
    except soundfile.SoundFileError as error:
        raise StaanetError(f"{path}: expected to write {kind}, got {reason(error)}; choose another --out") from error


def _remove_time(path: Path) -> None:
    """Set the time in the head of a WAV file to zero, so that equal audio is written as equal files."""
    with path.open("r+b") as file:
        if (place := file.read(HEAD).find(b"PEAK")) >= 0:
            file.seek(place + 12)
            file.write(bytes(4))


def _check_full_scale(samples: NDArray[np.float32]) -> None:
    peak = peak_of(samples)
    if not peak <= 1:
        raise StaanetError(f"expected samples in [-1, 1] to write, got a peak of {peak:g}; they would be clipped")


def encode(samples: NDArray[np.float32], rate: int, suffix: str = ".flac") -> bytes:
    """Return samples as the bytes of a 32-bit float WAV or a 24-bit FLAC file.

    Args:
        samples: Samples `[T]` or `[T, C]` in [-1, 1].
        rate: Sampling rate in Hz.
        suffix: `.wav` or `.flac`.

    Raises:
        StaanetError: If samples lie outside [-1, 1].
    """
    _check_full_scale(samples)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=suffix[1:].upper(), subtype=SUBTYPES[suffix])
    return buffer.getvalue()


def as_saved(samples: NDArray[np.float32], rate: int, suffix: str = ".flac") -> NDArray[np.float32]:
    """Return samples after writing them to a file in memory and reading them back.

    Args:
        samples: Samples `[T]` in [-1, 1].
        rate: Sampling rate in Hz.
        suffix: `.wav`, which keeps every bit, or `.flac`, which rounds to 24 bits.

    >>> loud = np.array([0.123456789, -1.0, 1.0], dtype=np.float32)
    >>> bool(np.abs(as_saved(loud, 16_000) - loud).max() < 2**-22)
    True
    """
    decoded, _ = soundfile.read(io.BytesIO(encode(samples, rate, suffix)), dtype="float32")
    return cast("NDArray[np.float32]", decoded)
