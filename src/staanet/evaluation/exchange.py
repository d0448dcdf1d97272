"""Adversarial sets of others: the HDF5 files that the STAA-Net authors' code evaluates, read and written.

They hold `x_org` and `x_adv`, waveforms `[N, T]` at 16 kHz, and `y`, class numbers (arXiv 2402.01227).
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from staanet.audio.lengths import fit_length
from staanet.core.checkpoints import save_tensors
from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.core.hdf5 import clip, made, opened, put_clips, put_texts
from staanet.corpora.hdf5 import ATTACKED, CLEAN, NUMBERS
from staanet.data import Dataset
from staanet.evaluation.adversarial import DONE, AdversarialSet, batch_name

UNKNOWN = ("seconds_per_clip", "queries", "gradients", "comb_share", "comb_share_model")
"""What no such file says of the attack."""

BATCH = 32


def read(path: Path, dataset: Dataset, folder: Path) -> AdversarialSet:
    """Bring the attacked clips of an HDF5 file to `folder`, beside the dataset that was prepared from its clean ones.

    What exceeds full scale is cut to it, as it is in the dataset.

    Raises:
        StaanetError: no such file, or attacked clips that are not those of the clean ones.
    """
    files: dict[str, str] = {}
    with opened(path) as file:
        if ATTACKED not in file or len(file[ATTACKED]) != len(file[CLEAN]):
            raise StaanetError(f"{path}: expected a row in {ATTACKED} for each of {CLEAN}, found others or none")
        for ids in dataset.batches(dataset.utterances, BATCH):
            tensors = {}
            for name in ids:
                samples = clip(file, ATTACKED, int(name.split("/")[1]))
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
    """Write an adversarial set and its clean clips as HDF5, and return how many clips there are.

    Sets made under the protocol `paper` are as wide as their source's trained length, as the authors' code expects it.

    Raises:
        StaanetError: clips that the dataset has not, or a place that cannot be written.
    """
    clips = adversarial.clips
    unknown = [name for name in clips if name not in dataset.utterances]
    if unknown:
        raise StaanetError(
            f"{adversarial.folder}: expected clips of {dataset.folder}, got {unknown[0]!r}; give the dataset it was made of"
        )
    attacked = [adversarial.waveform(name) for name in clips]
    clean = [_as_attacked(dataset.waveform(name), len(twin)) for name, twin in zip(clips, attacked, strict=True)]
    with made(path, dataset.labels, dataset.sample_rate) as file:
        put_clips(file, CLEAN, [waveform.numpy() for waveform in clean])
        put_clips(file, ATTACKED, [waveform.numpy() for waveform in attacked])
        file[NUMBERS] = np.array([dataset.label(name) for name in clips], dtype=np.int32)
        put_texts(file, "speaker", [dataset.utterances[name].speaker for name in clips])
    return len(clips)


def _as_attacked(waveform: Tensor, size: int) -> Tensor:
    return fit_length(waveform[None], torch.tensor([len(waveform)]), size)[0]


def delay(clean: Tensor, attacked: Tensor) -> int:
    """Return by how many samples a clip `[T]` comes later in its twin `[T]`: where their correlation is highest.

    >>> clip = torch.tensor([0.0, 1.0, -2.0, 1.0, 0.0, 0.0])
    >>> delay(clip, clip.roll(2)), delay(clip, clip)
    (2, 0)
    """
    size = 2 * len(clean)
    spectra = [torch.fft.rfft(waveform, size) for waveform in (clean, attacked)]
    latest = int(torch.fft.irfft(spectra[0].conj() * spectra[1], size).argmax())
    return latest if latest < len(clean) else latest - size


def delays(adversarial: AdversarialSet, dataset: Dataset) -> dict[str, int]:
    """Return the delay of each attacked clip that has one, in samples."""
    found = {name: delay(*adversarial.beside(dataset, name)) for name in adversarial.clips}
    return {name: late for name, late in found.items() if late}
