"""Adversarial sets: what an attack made of some clips, written batch by batch so that it can be stopped at any time."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from staanet.attacks import Attack
from staanet.attacks.staa_net import GeneratorAttack, StaaNet
from staanet.audio.lengths import fit_length
from staanet.core.checkpoints import load_tensors, save_tensors
from staanet.core.classifier import frozen
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, write_json
from staanet.core.progress import track
from staanet.core.signature import signature
from staanet.data import Batch, Dataset
from staanet.data.dataset import collate
from staanet.evaluation.counter import Counted
from staanet.evaluation.features import FeatureDataset
from staanet.metrics import comb_share
from staanet.models import FeatureView, Model

Protocol = Literal["file", "paper"]
"""`file` perturbs the samples of the file; `paper` perturbs the clip already repeated or cut to the trained length, as
the paper does, differently in each repeat, which no file can hold."""

LabelsFrom = Literal["predictions", "true_labels"]
"""Which classes an attack moves away from: the source's own clean predictions, or the true ones."""

Domain = Literal["waveform", "feature"]
"""What an attack changes: the samples of clips; or the features that a model's network hears, each in units of its own
deviation, as arXiv 2404.18514 does. No sound need have the features that it finds."""

DONE = "done.json"


def load_clips(dataset: Dataset, clips: Sequence[str], protocol: Protocol, size: int) -> Batch:
    """Return clips as they are attacked: as they lie in their files, or (`paper`) repeated or cut to `size`."""
    batch = dataset.batch(clips)
    if protocol == "file":
        return batch
    fitted = fit_length(batch.waveforms, batch.lengths, size)
    return Batch(fitted, torch.full_like(batch.lengths, size), batch.labels, batch.ids)


class AdversarialSet:
    """The adversarial clips in a folder that `make` has finished.

    Raises:
        StaanetError: none there.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / DONE).is_file():
            raise StaanetError(f"{folder}: expected a finished adversarial set, found none; run again")
        about = read_json(folder / DONE)
        self.folder = folder
        self._file: dict[str, str] = about["files"]
        self._open: tuple[str, dict[str, Tensor]] = ("", {})
        self.figures: dict[str, float | None] = about["figures"]
        """What a record says of the set whatever the target: the comb shares, and per clip the seconds, the
        queries (forward passes) and the gradients (backward passes) that the attack took."""

    @property
    def clips(self) -> tuple[str, ...]:
        """The ids of its clips, those of a file together."""
        return tuple(self._file)

    def waveform(self, clip: str) -> Tensor:
        """Return the samples `[T]` of an adversarial clip."""
        if clip not in self._file:
            raise StaanetError(
                f"{self.folder}: expected the clips of this corpus, found no {clip!r}; remove the folder"
            )
        name = self._file[clip]
        if self._open[0] != name:
            self._open = (name, load_tensors(self.folder / name))
        return self._open[1][clip]

    def like(self, clean: Batch) -> Tensor:
        """Return the adversarial twins `[B, T]` of clean clips.

        Raises:
            StaanetError: a twin of another length, made from another clip.
        """
        attacked = collate([self.waveform(clip) for clip in clean.ids], [0] * len(clean.ids), clean.ids)
        if not torch.equal(attacked.lengths, clean.lengths.cpu()):
            raise StaanetError(f"{self.folder}: expected the clips of this corpus, got others; remove the folder")
        return attacked.waveforms.to(clean.waveforms.device)

    def beside(self, dataset: Dataset, clip: str) -> tuple[Tensor, Tensor]:
        """Return a clean clip `[T]` and its adversarial twin `[T]`, to be listened to.

        The paper's protocol attacks a repeated or cut clip: both are the stretch that the two have in common. Of
        features both are made sounds again.
        """
        attacked = self.waveform(clip)[: dataset.length(clip)]
        clean = dataset.waveform(clip)[: len(attacked)]
        if isinstance(dataset, FeatureDataset):
            return dataset.sound(clip, clean), dataset.sound(clip, attacked)
        return clean, attacked


def batch_name(clips: Sequence[str]) -> str:
    """Return the file name of a batch of clips."""
    return f"batch-{signature(list(clips))}.safetensors"


def make(
    attack: Attack,
    source: Model | FeatureView,
    dataset: Dataset,
    labels: Mapping[str, int],
    folder: Path,
    *,
    protocol: Protocol,
    batch_size: int,
    seed: int,
    device: torch.device,
) -> AdversarialSet:
    """Attack clips on `source` and write what comes of it to `folder`; batches that are there already are kept.

    Args:
        attack: what is done to them.
        source: the model that it is done on, or a view of its features.
        dataset: where the clips are, or their features.
        labels: the clips, and the class that each is to leave.
        folder: where the set goes.
        protocol: whether clips are repeated or cut before they are attacked.
        batch_size: clips at a time.
        seed: of the attack.
        device: to attack on.
    """
    source.to(device)
    network = attack.network().to(device) if isinstance(attack, GeneratorAttack) else None
    files: dict[str, str] = {}
    costs, combs, model_combs = torch.zeros(3, dtype=torch.float64), [], []
    for ids in track(dataset.batches(labels, batch_size), f"attack {source.name} with {attack.name}"):
        path = folder / batch_name(ids)
        if not path.is_file():
            batch = load_clips(dataset, ids, protocol, source.trained_length or 0).to(device)
            classes = torch.tensor([labels[clip] for clip in ids], device=device)
            counted = Counted(source)
            _wait(device)
            began = time.perf_counter()
            with frozen(source):
                adversarial = attack(counted, batch.waveforms, classes, batch.lengths, seed=seed)
            _wait(device)
            took = time.perf_counter() - began
            positions = _positions(attack, batch, adversarial)
            tensors = {clip: row[:n].clone() for clip, row, n in zip(ids, adversarial, batch.lengths, strict=True)}
            pooling = None if attack.model_free else source.pooling_stride
            figures = {
                "costs": torch.tensor([took, counted.queries, counted.gradients], dtype=torch.float64),
                "comb": _comb(positions, batch.lengths, network.stride if network else None),
                "comb_model": _comb(positions, batch.lengths, pooling),
            }
            save_tensors(path, tensors | {f"/{name}": figure for name, figure in figures.items()})
        written = load_tensors(path)
        costs += written["/costs"]
        combs.append(written["/comb"])
        model_combs.append(written["/comb_model"])
        files |= dict.fromkeys(ids, path.name)
    seconds, queries, gradients = (costs / len(files)).tolist()
    about = {
        "files": files,
        "figures": {
            "seconds_per_clip": seconds,
            "queries": queries,
            "gradients": gradients,
            "comb_share": _mean(torch.cat(combs)),
            "comb_share_model": _mean(torch.cat(model_combs)),
        },
    }
    write_json(folder / DONE, about)
    return AdversarialSet(folder)


def _positions(attack: Attack, batch: Batch, adversarial: Tensor) -> Tensor:
    """Return the positions as the generator marked them, before anything was clamped, or the samples that changed."""
    if isinstance(attack, StaaNet):
        return attack.factors(batch.waveforms, batch.lengths).positions
    return adversarial != batch.waveforms


def _wait(device: torch.device) -> None:
    """Wait until the accelerator has done what it was asked for, so that a clock is right."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _comb(positions: Tensor, lengths: Tensor, stride: int | None) -> Tensor:
    return torch.full((len(lengths),), torch.nan) if stride is None else comb_share(positions, lengths, stride)


def _mean(values: Tensor) -> float | None:
    defined = values[~values.isnan()]
    return float(defined.mean()) if len(defined) else None
