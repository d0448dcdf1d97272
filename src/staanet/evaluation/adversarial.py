"""Adversarial sets: the attacked versions of some clips, written batch by batch so that a run can be interrupted."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from staanet.attacks import Attack
from staanet.audio.lengths import fit_length
from staanet.core import checksums
from staanet.core.checkpoints import load_tensors, save_tensors
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, write_json
from staanet.core.paths import inside
from staanet.core.progress import track
from staanet.core.settings import validated
from staanet.core.signature import signature
from staanet.core.unwrapping import frozen
from staanet.data import Batch
from staanet.data.dataset import collate
from staanet.evaluation.counter import Counted
from staanet.evaluation.features import ClipDataset, FeatureDataset
from staanet.metrics import comb_share
from staanet.models import FeatureView, Model

Protocol = Literal["file", "paper"]
"""What is attacked: the samples of the file (`file`), or the clip after it was repeated or cut to the source model's
trained length (`paper`), as in the STAA-Net paper. The latter perturbs each repetition differently, which a file with
the length of the clip cannot hold."""

LabelsFrom = Literal["predictions", "true_labels"]
"""Which class an attack moves each clip away from: the one that the source model predicts, or the true one."""

Domain = Literal["waveform", "feature"]
"""What an attack changes: the samples of the clips, or the features that are the input of the model's network, as in
arXiv 2404.18514, each in units of its standard deviation. There need not be a sound with the perturbed features."""

DONE = "done.json"
"""Name of the file that marks a finished adversarial set."""


def load_clips(dataset: ClipDataset, clips: Sequence[str], protocol: Protocol, size: int) -> Batch:
    """Return clips as they are attacked: as in their files (`file`), or repeated or cut to `size` samples (`paper`)."""
    batch = dataset.batch(clips)
    if protocol == "file":
        return batch
    fitted = fit_length(batch.waveforms, batch.lengths, size)
    return Batch(fitted, torch.full_like(batch.lengths, size), batch.labels, batch.ids)


@dataclass(frozen=True)
class Done:
    """What `done.json` holds: the file of each clip by the id of the clip, and the figures of the attack."""

    files: dict[str, str]
    figures: dict[str, float | None]


class AdversarialSet:
    """A finished adversarial set, opened for reading.

    Args:
        folder: Folder that `make_adversarial_set` wrote.

    Raises:
        StaanetError: If the folder holds no finished set.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / DONE).is_file():
            raise StaanetError(f"{folder}: expected a finished adversarial set, found none; run again")
        about = validated(Done, read_json(folder / DONE), str(folder / DONE))
        self.folder = folder
        self._file = about.files
        self._open: tuple[str, dict[str, Tensor]] = ("", {})
        self.figures = about.figures
        """Figures that do not depend on the target model: the comb shares, the seconds, queries (forward passes) and
        gradients (backward passes) that the attack took per clip, and the share of these gradients that were not
        finite."""

    @property
    def clips(self) -> tuple[str, ...]:
        """Ids of the clips; those in the same file are adjacent."""
        return tuple(self._file)

    def waveform(self, clip: str) -> Tensor:
        """Return the samples `[T]` of an adversarial clip."""
        if clip not in self._file:
            raise StaanetError(
                f"{self.folder}: expected the clips of this corpus, found no {clip!r}; remove the folder"
            )
        name = self._file[clip]
        if self._open[0] != name:
            self._open = (name, load_tensors(inside(self.folder, name)))
        samples = self._open[1].get(clip)
        if samples is None or samples.dtype != torch.float32 or samples.ndim != 1 or not samples.isfinite().all():
            raise StaanetError(
                f"{self.folder / name}: expected finite samples [T] of {clip}, got others or none; remove the folder"
            )
        return samples

    def like(self, clean: Batch) -> Tensor:
        """Return the attacked versions `[B, T]` of the clips of a batch.

        Raises:
            StaanetError: If a clip has another length in this set, which was then made from other clips.
        """
        attacked = collate([self.waveform(clip) for clip in clean.ids], [0] * len(clean.ids), clean.ids)
        if not torch.equal(attacked.lengths, clean.lengths.cpu()):
            raise StaanetError(f"{self.folder}: expected the clips of this corpus, got others; remove the folder")
        return attacked.waveforms.to(clean.waveforms.device)

    def pair(self, dataset: ClipDataset, clip: str) -> tuple[Tensor, Tensor]:
        """Return a clip and its attacked version as sounds of the same length, `[T]` each, for listening.

        Under the protocol `paper`, which attacks the repeated or cut clip, both are cut to the part that they share.
        Features are converted to sounds.
        """
        attacked = self.waveform(clip)[: dataset.length(clip)]
        clean = dataset.waveform(clip)[: len(attacked)]
        if isinstance(dataset, FeatureDataset):
            return dataset.sound(clip, clean), dataset.sound(clip, attacked)
        return clean, attacked


def batch_name(clips: Sequence[str]) -> str:
    """Return the name of the file of a batch of clips."""
    return f"batch-{signature(list(clips))}.safetensors"


def make_adversarial_set(
    attack: Attack,
    source: Model | FeatureView,
    dataset: ClipDataset,
    labels: Mapping[str, int],
    folder: Path,
    *,
    protocol: Protocol,
    batch_size: int,
    seed: int,
    device: torch.device,
) -> AdversarialSet:
    """Attack clips and write the adversarial set to a folder; batches that an interrupted run has written are reused.

    The folder has checksums of its files; a batch that was changed since it was written is attacked again.

    Args:
        attack: The attack.
        source: Source model of the attack, or a view of its features.
        dataset: Dataset of the clips, or of their features.
        labels: The ids of the clips, each with the class that the attack moves it away from.
        folder: Folder of the adversarial set.
        protocol: Whether clips are attacked as in their files or after they were repeated or cut.
        batch_size: Number of clips that are attacked at the same time.
        seed: Seed of the attack.
        device: Device on which the attack runs.
    """
    batches = dataset.batches(labels, batch_size)
    attack_batches(attack, source, dataset, labels, folder, batches, protocol=protocol, seed=seed, device=device)
    files: dict[str, str] = {}
    costs, combs, model_combs = torch.zeros(4, dtype=torch.float64), [], []
    for ids in batches:
        path = folder / batch_name(ids)
        written = load_tensors(path)
        costs += written["/costs"]
        combs.append(written["/comb"])
        model_combs.append(written["/comb_model"])
        files |= dict.fromkeys(ids, path.name)
    seconds, queries, gradients, nonfinite = (costs / len(files)).tolist()
    about = {
        "files": files,
        "figures": {
            "seconds_per_clip": seconds,
            "queries": queries,
            "gradients": gradients,
            "nonfinite_gradients": nonfinite / gradients if gradients else None,
            "comb_share": _mean(torch.cat(combs)),
            "comb_share_model": _mean(torch.cat(model_combs)),
        },
    }
    write_json(folder / DONE, about)
    checksums.add(folder, [folder / DONE])
    return AdversarialSet(folder)


def attack_batches(
    attack: Attack,
    source: Model | FeatureView,
    dataset: ClipDataset,
    labels: Mapping[str, int],
    folder: Path,
    batches: Sequence[Sequence[str]],
    *,
    protocol: Protocol,
    seed: int,
    device: torch.device,
) -> None:
    """Attack batches of an adversarial set and write a file for each; batches that are there and intact are kept.

    Args:
        attack: The attack.
        source: Source model of the attack, or a view of its features.
        dataset: Dataset of the clips, or of their features.
        labels: The ids of the clips, each with the class that the attack moves it away from.
        folder: Folder of the adversarial set.
        batches: The ids of the clips of each batch.
        protocol: Whether clips are attacked as in their files or after they were repeated or cut.
        seed: Seed of the attack.
        device: Device on which the attack runs.
    """
    source.to(device)
    stride = attack.prepare(device).stride
    for ids in track(batches, f"attack {source.name} with {attack.name}"):
        path = folder / batch_name(ids)
        if not checksums.intact(folder, [path.name]):
            batch = load_clips(dataset, ids, protocol, source.trained_length or 0).to(device)
            classes = torch.tensor([labels[clip] for clip in ids], device=device)
            save_tensors(path, _attack_batch(attack, source, batch, classes, stride, seed))
            checksums.add(folder, [path])


def _attack_batch(
    attack: Attack, source: Model | FeatureView, batch: Batch, classes: Tensor, stride: int | None, seed: int
) -> dict[str, Tensor]:
    """Return each attacked clip by its id, and the costs and comb shares of the batch under names with a slash."""
    device = batch.waveforms.device
    counted = Counted(source)
    _synchronise(device)
    started = time.perf_counter()
    with frozen(source):
        adversarial = attack(counted, batch.waveforms, classes, batch.lengths, seed=seed)
    _synchronise(device)
    seconds = time.perf_counter() - started
    positions = attack.chosen_positions(batch.waveforms, batch.lengths, adversarial)
    clips = {clip: row[:n].clone() for clip, row, n in zip(batch.ids, adversarial, batch.lengths, strict=True)}
    return clips | {
        "/costs": torch.tensor(
            [seconds, counted.queries, counted.gradients, counted.nonfinite_gradients], dtype=torch.float64
        ),
        "/comb": _comb(positions, batch.lengths, stride),
        "/comb_model": _comb(positions, batch.lengths, None if attack.model_free else source.pooling_stride),
    }


def _synchronise(device: torch.device) -> None:
    """Wait until the GPU has finished its work, so that a time measurement includes it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _comb(positions: Tensor, lengths: Tensor, stride: int | None) -> Tensor:
    return torch.full((len(lengths),), torch.nan) if stride is None else comb_share(positions, lengths, stride)


def _mean(values: Tensor) -> float | None:
    defined = values[~values.isnan()]
    return float(defined.mean()) if len(defined) else None
