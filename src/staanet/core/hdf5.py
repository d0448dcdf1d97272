"""Reading and writing of HDF5 files in the layouts of the STAA-Net authors' code (arXiv 2402.01227)."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra
from staanet.core.files import atomic_write

EXTRA = "h5"
SAMPLE_RATE = 16_000
"""Sampling rate in Hz of the authors' files, which do not store it."""


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open an HDF5 file for reading within a block.

    Raises:
        StaanetError: If the file does not exist, is not HDF5 or is damaged.
    """
    h5py = import_extra("h5py", EXTRA)
    if not path.is_file():
        raise StaanetError(f"{path}: expected an HDF5 file, found none")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError) as error:
        raise StaanetError(f"{path}: expected an HDF5 file, got {_first_line(error)}; export it again") from error


@contextlib.contextmanager
def create_hdf5(path: Path, labels: Sequence[str], rate: int) -> Iterator[Any]:
    """Create an HDF5 file for writing within a block; it appears at `path` when the block succeeds.

    Args:
        path: Path of the file.
        labels: Emotions in the order of their class numbers, stored as an attribute of the file.
        rate: Sampling rate of the clips in Hz, stored as an attribute of the file.
    """
    h5py = import_extra("h5py", EXTRA)
    with atomic_write(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["labels"], file.attrs["sample_rate"] = list(labels), rate
        yield file


def sample_rate(file: Any) -> int:
    """Return the sampling rate in Hz: the attribute of the file if it has one, else the rate of the authors' files."""
    return int(file.attrs.get("sample_rate", SAMPLE_RATE))


def write_clips(file: Any, name: str, clips: Sequence[NDArray[np.float32]]) -> None:
    """Write clips as one HDF5 dataset: `[N, T]` if all have the same length, else `[N]` arrays of their own lengths.

    Args:
        file: The open HDF5 file.
        name: Name of the HDF5 dataset.
        clips: Samples `[T]` of each clip.
    """
    if len({len(clip) for clip in clips}) == 1:
        file.create_dataset(name, data=np.stack(clips))
        return
    rows = file.create_dataset(name, (len(clips),), dtype=import_extra("h5py", EXTRA).vlen_dtype(np.float32))
    for row, clip in enumerate(clips):
        rows[row] = clip


def write_texts(file: Any, name: str, values: Sequence[str]) -> None:
    """Write texts as one HDF5 dataset `[N]`."""
    file.create_dataset(name, data=list(values), dtype=import_extra("h5py", EXTRA).string_dtype())


def read_class_numbers(file: Any, name: str, clips: str) -> NDArray[np.int64]:
    """Return the class number of each clip, `[N]`.

    Args:
        file: The open HDF5 file.
        name: Name of the HDF5 dataset with the class numbers.
        clips: Name of the HDF5 dataset with the clips.

    Raises:
        StaanetError: If an HDF5 dataset is missing, or if there is not one class number of 0 or more for each clip.
    """
    lost = [wanted for wanted in (clips, name) if wanted not in file]
    if lost:
        raise StaanetError(f"{file.filename}: expected the datasets {clips} and {name}, found no {lost[0]}")
    numbers = np.asarray(file[name][()])
    count = len(file[clips])
    if numbers.size != count or numbers.dtype.kind not in "iu" or (count and int(numbers.min()) < 0):
        raise StaanetError(
            f"{file.filename}: expected {count} class numbers of 0 or more in {name}, "
            f"got {numbers.dtype} {list(numbers.shape)}"
        )
    return numbers.reshape(count).astype(np.int64)


def read_clip(file: Any, name: str, row: int) -> NDArray[np.float32]:
    """Return the samples `[T]` of one clip.

    Args:
        file: The open HDF5 file.
        name: Name of the HDF5 dataset with the clips.
        row: Number of the clip in it.

    Raises:
        StaanetError: If the clip is empty or does not consist of finite floating-point samples.
    """
    samples = np.asarray(file[name][row])
    if samples.dtype.kind != "f" or samples.ndim != 1 or not len(samples):
        raise StaanetError(
            f"{file.filename}: {name}[{row}]: expected samples [T], got {samples.dtype} {list(samples.shape)}"
        )
    if not np.isfinite(samples).all():
        raise StaanetError(f"{file.filename}: {name}[{row}]: expected finite samples, got NaN or infinity")
    return samples.astype(np.float32)


def read_texts(file: Any, name: str, count: int) -> list[str] | None:
    """Return the texts of an HDF5 dataset, None if it does not exist or does not have `count` texts."""
    if name not in file or len(file[name]) != count:
        return None
    return [str(value) for value in file[name].asstr()[()]]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
