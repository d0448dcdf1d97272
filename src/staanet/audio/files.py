"""Read and write audio files with any sampling rate and number of channels.

All formats of libsndfile are read (see `staanet.audio.formats`); WAV and FLAC are written.
"""

import contextlib
import io
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from staanet.audio.formats import conversion, is_unsupported
from staanet.core.errors import StaanetError
from staanet.core.files import atomic_write

LARGEST_PEAK = 4.0
"""Largest peak of a file that is still clipped to full scale. Even white noise exceeds full scale by less after a lossy
codec; a float file in integer scale, by far more."""

NO_LENGTH = 2**62
"""Number of samples from which libsndfile means that a file does not declare its length."""

SUBTYPES = {".wav": "FLOAT", ".flac": "PCM_24"}
"""Sample format by file ending. 16 bits would round small perturbations away."""

WAV_BYTES = 0xFFFF0000
"""Largest number of bytes of audio in a WAV file, whose header stores sizes in 32 bits."""


def read(path: Path) -> tuple[NDArray[np.float32], int]:
    """Return the samples of a file, `[T, C]`, and its sampling rate in Hz.

    Samples are in [-1, 1], except that the decoded samples of lossy or float files may exceed full scale up to
    `LARGEST_PEAK`.

    Raises:
        StaanetError: If the file is missing, unreadable, truncated or empty, or has samples that are NaN, infinite or
            far beyond full scale.
    """
    about = _about(path)
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
    """Return the amount of audio in a file, after decoding all of it minute by minute to check it.

    Raises:
        StaanetError: If the file is missing, unreadable, truncated or empty, or has samples that are NaN, infinite or
            far beyond full scale.
    """
    about = _about(path)
    whole_minutes, rest = divmod(about.frames, 60 * about.rate)
    for _ in read_windows(path, [60 * about.rate] * whole_minutes + [rest] * (rest > 0)):
        pass
    return about


def read_windows(path: Path, sizes: Iterable[int]) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of a file in consecutive windows `[size, C]`, in the range of `read`.

    Args:
        path: File to read.
        sizes: Number of samples of each window.

    Raises:
        StaanetError: If the file is unreadable, has fewer samples, or has samples that are NaN, infinite or far beyond
            full scale.
    """
    _check_name(path)
    try:
        with soundfile.SoundFile(path) as file:
            for size in sizes:
                samples = file.read(size, dtype="float32", always_2d=True)
                if len(samples) < size:
                    got = file.tell()
                    raise StaanetError(
                        f"{path}: expected {file.frames} samples, got {got} (truncated); replace the file"
                    )
                if not np.isfinite(samples).all():
                    raise StaanetError(
                        f"{path}: expected finite samples, got NaN or infinity; replace or remove the file"
                    )
                check_peak(samples, str(path))
                yield samples
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise _unreadable(path, error) from error


def check_peak(samples: NDArray[np.float32], name: str) -> None:
    """Check that the peak of decoded samples is at most `LARGEST_PEAK`.

    Args:
        samples: Samples of any shape.
        name: Name of the file or clip for the message.

    Raises:
        StaanetError: If it is larger.
    """
    peak = _peak(samples)
    if peak > LARGEST_PEAK:
        raise StaanetError(
            f"{name}: expected samples in [-1, 1], got a peak of {peak:g}; divide by the integer range or by the peak"
        )


def _peak(samples: NDArray[np.float32]) -> float:
    return float(np.abs(samples).max(initial=0.0))


def printable(path: Path | str) -> str:
    r"""Return a path in which bytes that are not UTF-8 are written as escapes.

    >>> print(printable(os.fsdecode(b"caf\xe9.wav")))
    caf\xe9.wav
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _check_name(path: Path) -> None:
    if printable(path) != str(path):
        raise StaanetError(f"{printable(path)}: expected a name in UTF-8, got another encoding; rename the file")


def _about(path: Path) -> About:
    _check_name(path)
    if not path.is_file():
        raise StaanetError(f"{path}: expected an audio file, found none")
    try:
        with soundfile.SoundFile(path) as file:
            about = About(file.frames, file.samplerate, file.channels)
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:  # TypeError: raw samples without a rate
        raise _unreadable(path, error) from error
    if about.frames < 1:
        raise StaanetError(f"{path}: expected samples, got an empty file; replace or remove it")
    if about.frames >= NO_LENGTH:
        raise StaanetError(f"{path}: expected a file that declares its length, got none; convert it to WAV")
    promised, present = _declared_bytes(path)
    if present < promised:
        raise StaanetError(
            f"{path}: expected {promised} bytes of audio, got {present} (truncated); replace or remove the file"
        )
    return about


def encoding(path: Path) -> str:
    """Return the format of a file and of its samples as libsndfile names them, such as "FLAC PCM_16".

    Raises:
        StaanetError: If the file cannot be read.
    """
    try:
        about = soundfile.info(path)
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        raise _unreadable(path, error) from error
    return f"{about.format} {about.subtype}"


def _unreadable(path: Path, error: Exception) -> StaanetError:
    if is_unsupported(str(path)):
        return StaanetError(f"{path}: {conversion(str(path))}")
    return StaanetError(f"{path}: expected readable audio, got {_reason(error)}; replace the file")


def _reason(error: Exception) -> str:
    return str(error).rsplit(": ", 1)[-1].strip().rstrip(".")


def _declared_bytes(path: Path) -> tuple[int, int]:
    """Return the bytes of audio that the header of a WAV, AIFF or AU file declares, and the bytes that follow it.

    libsndfile reads truncated files of these formats without an error. Other files give (0, 0).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] == b".snd":
            offset, declared = struct.unpack(">II", start[4:])
            return 0 if declared == 0xFFFFFFFF else declared, size - offset
        if start[:4] == b"RIFF" and start[8:] == b"WAVE":
            order, wanted = "<", b"data"
        elif start[:4] == b"FORM" and start[8:] in (b"AIFF", b"AIFC"):
            order, wanted = ">", b"SSND"
        else:
            return 0, 0
        while len(header := file.read(8)) == 8:
            kind, declared = struct.unpack(f"{order}4sI", header)
            if kind == wanted:
                streamed = declared >= 0x7FFF0000  # written to a pipe before its length was known
                return 0 if streamed else declared, size - file.tell()
            file.seek(declared + declared % 2, io.SEEK_CUR)
    return 0, 0


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
    _check_name(path)
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
        with (
            atomic_write(path) as temporary,
            soundfile.SoundFile(temporary, "w", rate, channels, SUBTYPES[suffix], format=kind) as file,
        ):
            yield append
    except soundfile.SoundFileError as error:
        raise StaanetError(f"{path}: expected to write {kind}, got {_reason(error)}; choose another --out") from error


def _check_full_scale(samples: NDArray[np.float32]) -> None:
    peak = _peak(samples)
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
