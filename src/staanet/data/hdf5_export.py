"""A dataset as the HDF5 file that the STAA-Net authors' code reads (arXiv 2402.01227)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from staanet.core.hdf5 import made, put_clips, put_texts
from staanet.corpora.hdf5 import SUBSETS
from staanet.data.dataset import Dataset
from staanet.data.splits import Split


def write(dataset: Dataset, split: Split, path: Path) -> None:
    """Write a dataset's clips, dealt as `split` says, in the authors' layout, with the speakers beside them.

    Raises:
        StaanetError: the place cannot be written.
    """
    with made(path, dataset.labels, dataset.sample_rate) as file:
        for part, ours in SUBSETS.items():
            clips: Sequence[str] = getattr(split, ours)
            put_clips(file, f"{part}_audio", [dataset.waveform(name).numpy() for name in clips])
            file[f"{part}_y"] = np.array([dataset.label(name) for name in clips], dtype=np.int32)
            put_texts(file, f"{part}_speaker", [dataset.utterances[name].speaker for name in clips])
