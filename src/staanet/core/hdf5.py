"""HDF5 files in the layouts of the STAA-Net authors' code (arXiv 2402.01227), read and written."""

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
"""Of the authors' files, in Hz; their files do not say it."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open an HDF5 file to be read.

    Raises:
        StaanetError: no such file, not HDF5, or damaged.
    """
    h5py = import_extra("h5py", EXTRA)
    if not path.is_file():
        raise StaanetError(f"{path}: expected an HDF5 file, found none")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError) as error:
        raise StaanetError(f"{path}: expected an HDF5 file, got {_first_line(error)}; make it again") from error


@contextlib.contextmanager
def made(path: Path, labels: Sequence[str], rate: int) -> Iterator[Any]:
    """Give an HDF5 file to write, which stands at `path` when the block succeeds.

    Args:
        path: where it goes.
        labels: the emotions in the order of their class numbers, kept as an attribute.
        rate: of the clips in Hz, kept as an attribute.
    """
    h5py = import_extra("h5py", EXTRA)
    with atomic_write(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["labels"], file.attrs["sample_rate"] = list(labels), rate
        yield file


def sample_rate(file: Any) -> int:
    """Return the sample rate in Hz: what the file says, else the authors'."""
    return int(file.attrs.get("sample_rate", SAMPLE_RATE))


def put_clips(file: Any, name: str, clips: Sequence[NDArray[np.float32]]) -> None:
    """Write clips as one dataset: `[N, T]` where they are equally long, else `[N]` of their own lengths."""
    if len({len(clip) for clip in clips}) == 1:
        file.create_dataset(name, data=np.stack(clips))
        return
    rows = file.create_dataset(name, (len(clips),), dtype=import_extra("h5py", EXTRA).vlen_dtype(np.float32))
    for row, clip in enumerate(clips):
        rows[row] = clip


def put_texts(file: Any, name: str, values: Sequence[str]) -> None:
    """Write texts as one dataset `[N]`."""
    file.create_dataset(name, data=list(values), dtype=import_extra("h5py", EXTRA).string_dtype())


def class_numbers(file: Any, name: str, clips: str) -> NDArray[np.int64]:
    """Return the class numbers `[N]` of the dataset `clips`.

    Raises:
        StaanetError: no such datasets, or numbers that do not fit the clips.
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


def clip(file: Any, name: str, row: int) -> NDArray[np.float32]:
    """Return the samples `[T]` of a row of clips.

    Raises:
        StaanetError: it is empty, or holds other than finite numbers.
    """
    samples = np.asarray(file[name][row])
    if samples.dtype.kind != "f" or samples.ndim != 1 or not len(samples):
        raise StaanetError(
            f"{file.filename}: {name}[{row}]: expected samples [T], got {samples.dtype} {list(samples.shape)}"
        )
    if not np.isfinite(samples).all():
        raise StaanetError(f"{file.filename}: {name}[{row}]: expected finite samples, got NaN or infinity")
    return samples.astype(np.float32)


def texts(file: Any, name: str, count: int) -> list[str] | None:
    """Return a dataset of texts, None where there is none of that length."""
    if name not in file or len(file[name]) != count:
        return None
    return [str(value) for value in file[name].asstr()[()]]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
