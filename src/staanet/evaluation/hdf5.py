"""Adversarial sets as the HDF5 files that the STAA-Net authors' code evaluates (arXiv 2402.01227).

Such a file holds the waveforms `x_org` and `x_adv`, `[N, T]` at 16 kHz, and the class numbers `y`.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from staanet.audio.lengths import fit_length
from staanet.core.checkpoints import save_tensors
from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.core.hdf5 import create_hdf5, open_hdf5, read_clip, write_clips, write_texts
from staanet.corpora.hdf5 import ATTACKED, CLEAN, NUMBERS
from staanet.data import Dataset
from staanet.evaluation.adversarial import DONE, AdversarialSet, batch_name

UNKNOWN = ("seconds_per_clip", "queries", "gradients", "comb_share", "comb_share_model")
"""Figures of an attack that cannot be known from its clips alone."""

BATCH = 32


def read(path: Path, dataset: Dataset, folder: Path) -> AdversarialSet:
    """Copy the attacked clips of an HDF5 file to an adversarial set.

    Samples beyond full scale are clipped, as they are in the dataset.

    Args:
        path: The HDF5 file.
        dataset: The dataset that was prepared from the clean clips of the same file.
        folder: Folder of the adversarial set.

    Raises:
        StaanetError: If the file does not exist, or if its attacked clips do not match the clean ones.
    """
    files: dict[str, str] = {}
    with open_hdf5(path) as file:
        if ATTACKED not in file or len(file[ATTACKED]) != len(file[CLEAN]):
            raise StaanetError(f"{path}: expected a row in {ATTACKED} for each of {CLEAN}, found others or none")
        for ids in dataset.batches(dataset.utterances, BATCH):
            tensors = {}
            for name in ids:
                samples = read_clip(file, ATTACKED, int(name.split("/")[1]))
                if len(samples) != dataset.length(name):
                    raise StaanetError(
                        f"{path}: {name}: expected as many samples in {ATTACKED} as in {CLEAN}, "
                        f"got {len(samples)} and {dataset.length(name)}"
                    )
                tensors[name] = torch.from_numpy(samples.clip(-1, 1))
            save_tensors(folder / batch_name(ids), tensors)
            files |= dict.fromkeys(ids, batch_name(ids))
    write_json(folder / DONE, {"files": files, "figures": dict.fromkeys(UNKNOWN)})
    return AdversarialSet(folder)


def write(adversarial: AdversarialSet, dataset: Dataset, path: Path) -> int:
    """Write an adversarial set and its clean clips to an HDF5 file, and return the number of clips.

    Sets that were made under the protocol `paper` have clips of the source model's trained length, which the authors'
    code expects.

    Args:
        adversarial: The adversarial set.
        dataset: The dataset whose clips were attacked.
        path: Path of the HDF5 file.

    Raises:
        StaanetError: If the dataset does not have one of the clips, or if the file cannot be written.
    """
    clips = adversarial.clips
    unknown = [name for name in clips if name not in dataset.utterances]
    if unknown:
        raise StaanetError(
            f"{adversarial.folder}: expected clips of {dataset.folder}, got {unknown[0]!r}; "
            "give the dataset whose clips were attacked"
        )
    attacked = [adversarial.waveform(name) for name in clips]
    clean = [_fitted(dataset.waveform(name), len(twin)) for name, twin in zip(clips, attacked, strict=True)]
    with create_hdf5(path, dataset.labels, dataset.sample_rate) as file:
        write_clips(file, CLEAN, [waveform.numpy() for waveform in clean])
        write_clips(file, ATTACKED, [waveform.numpy() for waveform in attacked])
        file[NUMBERS] = np.array([dataset.label(name) for name in clips], dtype=np.int32)
        write_texts(file, "speaker", [dataset.utterances[name].speaker for name in clips])
    return len(clips)


def _fitted(waveform: Tensor, size: int) -> Tensor:
    return fit_length(waveform[None], torch.tensor([len(waveform)]), size)[0]


def delay(clean: Tensor, attacked: Tensor) -> int:
    """Return by how many samples an attacked clip lags behind its clean clip: the lag of their highest correlation.

    Args:
        clean: Samples of the clean clip, `[T]`.
        attacked: Samples of the attacked clip, `[T]`.

    >>> clip = torch.tensor([0.0, 1.0, -2.0, 1.0, 0.0, 0.0])
    >>> delay(clip, clip.roll(2)), delay(clip, clip)
    (2, 0)
    """
    size = 2 * len(clean)
    spectra = [torch.fft.rfft(waveform, size) for waveform in (clean, attacked)]
    lag = int(torch.fft.irfft(spectra[0].conj() * spectra[1], size).argmax())
    return lag if lag < len(clean) else lag - size


def delays(adversarial: AdversarialSet, dataset: Dataset) -> dict[str, int]:
    """Return the delay in samples of each attacked clip that is delayed, by the id of the clip."""
    found = {name: delay(*adversarial.pair(dataset, name)) for name in adversarial.clips}
    return {name: lag for name, lag in found.items() if lag}
