"""Folders of audio clips that others are mixed with, such as speech for babble or impulse responses of rooms."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from staanet.audio.files import mono, read, resample
from staanet.audio.formats import ENDINGS


def clips_in(folder: Path) -> list[Path]:
    """Return the audio files in a folder and its subfolders in alphabetical order, without hidden files.

    >>> clips_in(Path("no such folder"))
    []
    """
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.name[0] != ".")


@lru_cache(maxsize=256)
def read_clip(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """Return the mean of the channels of a file, `[T]`, at a sampling rate in Hz; files in use are kept in memory.

    The samples are shared by all callers, which must not change them.

    Raises:
        StaanetError: If the file cannot be read.
    """
    samples, own_rate = read(path)
    return resample(mono(samples), own_rate, sample_rate)
