"""Audio files: any rate, any number of channels, WAV, FLAC, Ogg or MP3."""

import io
import struct
from pathlib import Path
from typing import cast

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from staanet.core.errors import StaanetError
from staanet.core.files import whole

SUBTYPES = {".wav": "FLOAT", ".flac": "PCM_24"}
"""What audio is written as: 16 bits would round a small perturbation away."""


def read(path: Path) -> tuple[NDArray[np.float32], int]:
    """Return a file's samples `[T, C]` in full scale and its sample rate in Hz.

    Raises:
        StaanetError: the file is missing, unreadable, truncated, empty, or holds NaN or infinite samples.
    """
    if not path.is_file():
        raise StaanetError(f"{path}: expected an audio file, found none")
    try:
        with soundfile.SoundFile(path) as file:
            expected, rate = file.frames, file.samplerate
            samples = file.read(dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise StaanetError(f"{path}: expected readable audio, got {_reason(error)}; replace the file") from error
    if len(samples) == 0:
        raise StaanetError(f"{path}: expected samples, got an empty file; replace or remove it")
    if len(samples) < expected or expected <= 0:
        raise StaanetError(f"{path}: expected {expected} samples, got {len(samples)} (truncated); replace the file")
    promised, present = _wav_bytes(path)
    if present < promised:
        raise StaanetError(
            f"{path}: expected {promised} bytes of audio, got {present} (truncated); replace or remove the file"
        )
    if not np.isfinite(samples).all():
        raise StaanetError(f"{path}: expected finite samples, got NaN or infinity; replace or remove the file")
    return cast("NDArray[np.float32]", samples), rate


def _reason(error: Exception) -> str:
    return str(error).rsplit(": ", 1)[-1].strip().rstrip(".")


def _wav_bytes(path: Path) -> tuple[int, int]:
    """Return how much audio a WAV file's header promises and how much there is; libsndfile takes what it gets."""
    with path.open("rb") as file:
        if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
            return 0, 0
        while len(header := file.read(8)) == 8:
            kind, size = struct.unpack("<4sI", header)
            if kind == b"data":
                streamed = size >= 0x7FFF0000  # written to a pipe, its length not known
                return 0 if streamed else size, path.stat().st_size - file.tell()
            file.seek(size + size % 2, io.SEEK_CUR)
    return 0, 0


def mono(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the channels, `[T, C]` -> `[T]`."""
    return cast("NDArray[np.float32]", samples.mean(axis=1, dtype=np.float32))


def resample(samples: NDArray[np.float32], rate: int, target_rate: int) -> NDArray[np.float32]:
    """Return samples `[T]` or `[T, C]` at another rate (soxr, very high quality).

    >>> resample(np.zeros(441, dtype=np.float32), 44_100, 16_000).shape
    (160,)
    """
    if rate == target_rate:
        return samples
    return cast("NDArray[np.float32]", soxr.resample(samples, rate, target_rate, quality="VHQ"))


def write(path: Path, samples: NDArray[np.float32], rate: int) -> None:
    """Write samples `[T]` or `[T, C]` whole, as 32-bit float WAV or 24-bit FLAC by the name's ending.

    Raises:
        StaanetError: an ending that is neither, or samples beyond full scale.
    """
    if path.suffix.lower() not in SUBTYPES:
        raise StaanetError(f"{path}: expected a name ending in {' or '.join(SUBTYPES)}, got {path.suffix!r}")
    with whole(path) as temporary:
        temporary.write_bytes(encode(samples, rate, path.suffix.lower()))


def encode(samples: NDArray[np.float32], rate: int, suffix: str = ".flac") -> bytes:
    """Return samples `[T]` or `[T, C]` as the bytes of a file, 32-bit float WAV or 24-bit FLAC."""
    peak = float(np.abs(samples).max(initial=0.0))
    if not peak <= 1:
        raise StaanetError(f"expected samples in [-1, 1] to write, got a peak of {peak:g}; they would be cut")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=suffix[1:].upper(), subtype=SUBTYPES[suffix])
    return buffer.getvalue()


def as_saved(samples: NDArray[np.float32], rate: int, suffix: str = ".flac") -> NDArray[np.float32]:
    """Return samples `[T]` as they come back from a file of that kind.

    >>> loud = np.array([0.123456789, -1.0, 1.0], dtype=np.float32)
    >>> bool(np.abs(as_saved(loud, 16_000) - loud).max() < 2**-22)
    True
    """
    decoded, _ = soundfile.read(io.BytesIO(encode(samples, rate, suffix)), dtype="float32")
    return cast("NDArray[np.float32]", decoded)
