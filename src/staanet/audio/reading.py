"""Reading of audio files, which are checked before memory is used for them and while they are decoded.

All formats of libsndfile are read (see `staanet.audio.formats`).
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from staanet.audio.containers import declared_bytes
from staanet.audio.formats import conversion, is_unsupported
from staanet.core.errors import StaanetError

LARGEST_PEAK = 4.0
"""Largest peak of a file that is still clipped to full scale. Even white noise exceeds full scale by less after a lossy
codec; a float file in integer scale, by far more."""

LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
"""Lowest and highest sampling rate of audio in Hz."""

MOST_CHANNELS = 64
MOST_BYTES = 2**30
"""Largest number of bytes of decoded samples that are held in memory at once: 4.6 hours of one channel at 16 kHz."""

NO_LENGTH = 2**62
"""Number of samples from which libsndfile means that a file does not declare its length."""


def read(path: Path) -> tuple[NDArray[np.float32], int]:
    """Return the samples of a file, `[T, C]`, and its sampling rate in Hz.

    Samples are in [-1, 1], except that the decoded samples of lossy or float files may exceed full scale up to
    `LARGEST_PEAK`.

    Raises:
        StaanetError: If the file is missing, unreadable, truncated, empty or too large, or has samples that are NaN,
            infinite, in integer scale or far beyond full scale.
    """
    about = declared(path)
    (samples,) = read_windows(path, [about.frames])
    return samples, about.rate


class About(NamedTuple):
    """Amount of audio in a file."""

    frames: int
    """Samples per channel."""
    rate: int
    """Sampling rate in Hz."""
    channels: int
    """Number of channels."""


def measure(path: Path) -> About:
    """Return the amount of audio in a file, after decoding all of it part by part to check it.

    Raises:
        StaanetError: As `read`, except that no file is too large.
    """
    about = declared(path)
    parts, rest = divmod(about.frames, size := max(1, 2**22 // about.channels))
    for _ in read_windows(path, [size] * parts + [rest] * (rest > 0)):
        pass
    return about


def read_windows(path: Path, sizes: Iterable[int]) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of a file in consecutive windows `[size, C]`, in the range of `read`.

    Args:
        path: File to read.
        sizes: Number of samples of each window.

    Raises:
        StaanetError: If the file is unreadable, has fewer samples, or has samples that are NaN, infinite, in integer
            scale or far beyond full scale, or if a window is too large.
    """
    check_name(path)
    with _told(path), soundfile.SoundFile(path) as file:
        for size in sizes:
            if 4 * size * file.channels > MOST_BYTES:
                raise StaanetError(
                    f"{path}: expected at most {MOST_BYTES // 4} samples over all channels, got "
                    f"{size * file.channels}; cut the file"
                )
            samples = file.read(size, dtype="float32", always_2d=True)
            if len(samples) < size:
                raise StaanetError(
                    f"{path}: expected {file.frames} samples, got {file.tell()} (truncated); replace the file"
                )
            if not np.isfinite(samples).all():
                raise StaanetError(f"{path}: expected finite samples, got NaN or infinity; replace or remove the file")
            check_peak(samples, str(path))
            yield samples


def check_peak(samples: NDArray[np.float32], name: str) -> None:
    """Check that the peak of decoded samples is at most `LARGEST_PEAK`, and that they are not whole numbers above 1.

    Args:
        samples: Samples of any shape.
        name: Name of the file or clip for the message.

    Raises:
        StaanetError: If they are not in full scale; the message says how many of them exceed it.
    """
    peak = peak_of(samples)
    if peak <= 1 or (peak <= LARGEST_PEAK and (samples != np.round(samples)).any()):
        return
    share = float((np.abs(samples) > 1).mean())
    raise StaanetError(
        f"{name}: expected samples in [-1, 1], got a peak of {peak:g} ({100 * share:.1f} % of the samples lie beyond); "
        "divide by the integer range or by the peak"
    )


def peak_of(samples: NDArray[np.float32]) -> float:
    """Return the largest absolute value of samples of any shape, 0 if there are none."""
    return float(np.abs(samples).max(initial=0.0))


def check_rate(rate: int, what: str) -> None:
    """Check that a sampling rate is one of audio.

    Args:
        rate: Sampling rate in Hz.
        what: What has the rate, with which the message begins.

    Raises:
        StaanetError: If it is not from `LOWEST_RATE` to `HIGHEST_RATE`.

    >>> check_rate(0, "--sample-rate")
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: --sample-rate: expected a sampling rate from 1000 to 768000 Hz, got 0
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise StaanetError(f"{what}: expected a sampling rate from {LOWEST_RATE} to {HIGHEST_RATE} Hz, got {rate}")


def printable(path: Path | str) -> str:
    r"""Return a path in which bytes that are not UTF-8 are written as escapes.

    >>> print(printable(os.fsdecode(b"caf\xe9.wav")))
    caf\xe9.wav
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def check_name(path: Path) -> None:
    """Check that the name of a file is UTF-8.

    Raises:
        StaanetError: If it is not.
    """
    if printable(path) != str(path):
        raise StaanetError(f"{printable(path)}: expected a name in UTF-8, got another encoding; rename the file")


def declared(path: Path) -> About:
    """Return the amount of audio that the header of a file declares, before any of it is decoded.

    Raises:
        StaanetError: If the file is missing, unreadable, empty or shorter than its header says, or has an unusual rate
            or too many channels.
    """
    check_name(path)
    with _told(path):
        if not path.is_file():
            raise StaanetError(f"{path}: expected an audio file, found none")
        with soundfile.SoundFile(path) as file:
            about = About(file.frames, file.samplerate, file.channels)
        promised, present, frame = declared_bytes(path)
    if about.frames < 1:
        raise StaanetError(f"{path}: expected samples, got an empty file; replace or remove it")
    if about.frames >= NO_LENGTH:
        raise StaanetError(f"{path}: expected a file that declares its length, got none; convert it to WAV")
    if present < promised:
        raise StaanetError(
            f"{path}: expected {promised} bytes of audio, got {present} (truncated); replace or remove the file"
        )
    if frame and promised // frame != about.frames:
        raise StaanetError(
            f"{path}: expected {promised // frame} samples of {frame} bytes, as its header says, got {about.frames}; "
            "convert the file again"
        )
    check_rate(about.rate, str(path))
    if about.channels > MOST_CHANNELS:
        raise StaanetError(f"{path}: expected at most {MOST_CHANNELS} channels, got {about.channels}; convert the file")
    return about


def encoding(path: Path) -> str:
    """Return the format of a file and of its samples as libsndfile names them, such as "FLAC PCM_16".

    Raises:
        StaanetError: If the file cannot be read.
    """
    with _told(path):
        about = soundfile.info(path)
    return f"{about.format} {about.subtype}"


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn whatever a file raises within a block into a `StaanetError` that names the file."""
    try:
        yield
    except StaanetError:
        raise
    except Exception as error:
        if is_unsupported(str(path)):
            raise StaanetError(f"{path}: {conversion(str(path))}") from error
        raise StaanetError(f"{path}: expected readable audio, got {reason(error)}; replace the file") from error


def reason(error: Exception) -> str:
    """Return the reason that an exception of libsndfile or of the file system gives, in one line."""
    text = str(error.strerror if isinstance(error, OSError) and error.strerror else error)
    return " ".join(text.rsplit(": ", 1)[-1].split()).rstrip(".") or type(error).__name__
