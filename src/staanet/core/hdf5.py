"""Reading and writing of HDF5 files in the layouts of the STAA-Net authors' code (arXiv 2402.01227)."""

import contextlib
import math
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

HIGHEST_RATE = 768_000
MOST_MEMBERS, MOST_ROWS, MOST_SAMPLES, MOST_CLASSES = 1_000, 10_000_000, 2**28, 10_000
"""Largest numbers of members of a file, of clips in a member, of samples of a clip, and of classes."""


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
            _check_members(file)
            yield file
    except StaanetError:
        raise
    except Exception as error:  # a damaged file can make h5py raise almost any exception
        raise StaanetError(f"{path}: expected an HDF5 file, got {_first_line(error)}; export it again") from error


def _check_members(file: Any) -> None:
    """Refuse a file whose members are links, lie in other files, or are larger than memory allows."""
    h5py = import_extra("h5py", EXTRA)
    if len(file) > MOST_MEMBERS:
        raise StaanetError(f"{file.filename}: expected at most {MOST_MEMBERS} members, got {len(file)}")
    for name in file:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise StaanetError(f"{file.filename}: expected {name} itself, got a link, which is not followed; copy it")
        member = file[name]
        if not isinstance(member, h5py.Dataset):
            continue
        if member.is_virtual or member.external:
            raise StaanetError(f"{file.filename}: expected the contents of {name}, got those of another file; copy it")
        row = math.prod(member.shape[1:]) if member.shape else 0
        if (rows := len(member) if member.shape else 0) > MOST_ROWS or row > MOST_SAMPLES:
            raise StaanetError(
                f"{file.filename}: expected at most {MOST_ROWS} clips of {MOST_SAMPLES} samples in {name}, got {rows} "
                f"of {row}; export fewer"
            )


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
    """Return the sampling rate in Hz: the attribute of the file if it has one, else the rate of the authors' files.

    Raises:
        StaanetError: If the attribute is no whole number from 1 to `HIGHEST_RATE`.
    """
    rate = np.asarray(file.attrs.get("sample_rate", SAMPLE_RATE))
    if rate.shape or rate.dtype.kind not in "iu" or not 1 <= int(rate) <= HIGHEST_RATE:
        raise StaanetError(f"{file.filename}: expected a sample_rate in Hz, got {str(rate)[:40]}; export it again")
    return int(rate)


def label_names(file: Any) -> tuple[str, ...]:
    """Return the emotions that the attribute `labels` of the file names, in the order of the class numbers, or none.

    Raises:
        StaanetError: If the attribute is no list of different texts.
    """
    labels = np.asarray(file.attrs.get("labels", ()), dtype=object)
    names = tuple(label.decode() if isinstance(label, bytes) else label for label in labels.reshape(-1))
    if labels.ndim != 1 or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise StaanetError(f"{file.filename}: expected labels as different texts, got {str(names)[:60]}")
    return names


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
    count, shape = (tuple[int, ...](getattr(file[member], "shape", ())) for member in (clips, name))
    fits = count and shape and count[0] == math.prod(shape)
    numbers = np.asarray(file[name][()] if fits else 0)
    fits = fits and numbers.dtype.kind in "iu"
    if not fits or (numbers.size and not 0 <= int(numbers.min()) <= int(numbers.max()) < MOST_CLASSES):
        raise StaanetError(
            f"{file.filename}: expected {count[0] if count else 'as many'} class numbers from 0 to {MOST_CLASSES - 1} "
            f"in {name}, got {getattr(file[name], 'dtype', 'a group')} {list(shape)}"
        )
    return numbers.reshape(count[0]).astype(np.int64)


def read_clip(file: Any, name: str, row: int) -> NDArray[np.float32]:
    """Return the samples `[T]` of one clip.

    Args:
        file: The open HDF5 file.
        name: Name of the HDF5 dataset with the clips.
        row: Number of the clip in it.

    Raises:
        StaanetError: If the clip is empty or does not consist of finite floating-point samples.
    """
    rows = file[name]
    if not getattr(rows, "shape", None) or not 0 <= row < len(rows):
        raise StaanetError(f"{file.filename}: expected a clip {row} in {name}, found none; export it again")
    samples = np.asarray(rows[row])
    if samples.dtype.kind != "f" or samples.ndim != 1 or not len(samples):
        raise StaanetError(
            f"{file.filename}: {name}[{row}]: expected samples [T], got {samples.dtype} {list(samples.shape)}"
        )
    if not np.isfinite(samples).all():
        raise StaanetError(f"{file.filename}: {name}[{row}]: expected finite samples, got NaN or infinity")
    return samples.astype(np.float32)


def read_texts(file: Any, name: str, count: int) -> list[str] | None:
    """Return the texts of an HDF5 dataset, None if it does not exist or does not have `count` texts."""
    if name not in file or getattr(file[name], "shape", None) != (count,):
        return None
    return [str(value) for value in file[name].asstr()[()]]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
