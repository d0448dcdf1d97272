"""Export of a prepared dataset as the HDF5 file that the STAA-Net authors' code reads (arXiv 2402.01227)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from staanet.core.hdf5 import create_hdf5, write_clips, write_texts
from staanet.corpora.hdf5 import SUBSETS
from staanet.data.dataset import Dataset
from staanet.data.splits import Split


def write(dataset: Dataset, split: Split, path: Path) -> None:
    """Write the clips of each subset in the authors' layout, together with the names of the speakers.

    Args:
        dataset: The prepared dataset.
        split: The split that assigns the clips to training, validation and test.
        path: Path of the HDF5 file.

    Raises:
        StaanetError: If the file cannot be written.
    """
    with create_hdf5(path, dataset.labels, dataset.sample_rate) as file:
        for theirs, subset in SUBSETS.items():
            clips: Sequence[str] = getattr(split, subset)
            write_clips(file, f"{theirs}_audio", [dataset.waveform(name).numpy() for name in clips])
            file[f"{theirs}_y"] = np.array([dataset.label(name) for name in clips], dtype=np.int32)
            write_texts(file, f"{theirs}_speaker", [dataset.utterances[name].speaker for name in clips])
