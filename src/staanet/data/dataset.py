"""The prepared dataset: a corpus that was checked, resampled to one rate and written to one folder.

The folder holds `dataset.json` (a description of the dataset), `manifest.jsonl` (one line per clip), and shards
`shard-00000.safetensors` ... with the concatenated samples of the clips, their offsets and their class numbers.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from staanet.core.checksums import check
from staanet.core.errors import StaanetError
from staanet.core.notebook import Shown, few
from staanet.core.paths import as_path
from staanet.corpora.base import Rated, Segment, Utterance
from staanet.data.manifest import read_description, read_head, read_manifest, shard_name
from staanet.data.remote import fetched, is_url
from staanet.data.splits import Split


@dataclass(frozen=True)
class Batch:
    """A batch of clips of different lengths.

    Args:
        waveforms: Samples, `[B, T]`, zero beyond each clip's length.
        lengths: Number of valid samples of each clip, `[B]`.
        labels: Class number of each clip, `[B]`.
        ids: Id of each clip.
    """

    waveforms: Tensor
    lengths: Tensor
    labels: Tensor
    ids: tuple[str, ...]

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device; a GPU copies it while it still computes on earlier batches."""
        waveforms, lengths, labels = (_moved(tensor, device) for tensor in (self.waveforms, self.lengths, self.labels))
        return Batch(waveforms, lengths, labels, self.ids)

    def part(self, rows: slice) -> "Batch":
        """Return some of the clips, with the padding of the whole batch."""
        return Batch(self.waveforms[rows], self.lengths[rows], self.labels[rows], self.ids[rows])


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)  # a copy to the CPU must finish before it is read
    return tensor.pin_memory().to(device, non_blocking=True)


def collate(waveforms: Sequence[Tensor], labels: Sequence[int], ids: Sequence[str]) -> Batch:
    """Return clips as one batch, padded with zeros.

    Args:
        waveforms: Samples `[T]` of each clip.
        labels: Class number of each clip.
        ids: Id of each clip.
    """
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    padded = torch.nn.utils.rnn.pad_sequence(list(waveforms), batch_first=True)
    return Batch(padded, lengths, torch.tensor(labels, dtype=torch.int64), tuple(ids))


class Shard:
    """One shard of a dataset, from which clips are read one at a time.

    A memory map would be slower and would keep the whole corpus in memory after an epoch.

    Args:
        path: The safetensors file.

    Raises:
        StaanetError: If the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _, self._start = read_head(path)
        self._file = path.open("rb", buffering=0)

    def read(self, offset: int, into: Tensor) -> None:
        """Fill `into`, `[T]`, with the T samples that begin at `offset`.

        Raises:
            StaanetError: If the file is truncated, or a sample is not in [-1, 1].
        """
        samples = into.numpy().view(np.uint8)
        self._file.seek(self._start + into.element_size() * offset)
        if self._file.readinto(samples.data) < len(samples):
            raise StaanetError(f"{self._path}: expected a shard, got a damaged file (truncated); prepare again")
        if not np.abs(into.numpy()).max(initial=0) <= 1:
            raise StaanetError(f"{self._path}: expected samples in [-1, 1], got others; prepare again")


class Dataset(Shown):
    """A prepared dataset, opened for reading; clips are read from the shards on demand.

    Args:
        folder: Folder that `prepare` or `staanet prepare` wrote.

    Raises:
        StaanetError: If the folder holds no dataset, a damaged one, or one of an earlier version of staanet.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = as_path(folder)
        if not (self.folder / "dataset.json").is_file():
            if (self.folder / "store.json").is_file():
                raise StaanetError(
                    f"{folder}: expected a dataset of staanet 0.2 or later, got one of an earlier version "
                    "(store.json); prepare the corpus again into another folder"
                )
            raise StaanetError(f"{folder}: expected a prepared dataset, found none; make one with `staanet prepare`")
        about = read_description(self.folder)
        self.corpus: str = about["corpus"]
        self.labels = tuple(about["labels"])
        self.sample_rate: int = about["sample_rate"]
        self.digest: str = about["digest"]
        self.skipped: list[str] = about["skipped"]
        self.overview: dict[str, Any] = about.get("overview", {})
        rows = read_manifest(self.folder, self.labels)
        self._positions = {row["utterance"]["id"]: (row["shard"], row["offset"], row["length"]) for row in rows}
        self.utterances = {row["utterance"]["id"]: utterance_of(row["utterance"]) for row in rows}
        self._shards: dict[int, Shard] = {}
        check(self.folder, "prepare it again")

    @classmethod
    def open(cls, place: str | Path) -> "Dataset":
        """Open a dataset in a folder, or in a store that fsspec knows, such as `s3://bucket/emodb`.

        The files of one in a store are fetched into a cache once (see `staanet.data.remote.fetched`).

        Args:
            place: The folder, or the address.

        Raises:
            StaanetError: As for a folder, or if the store cannot be used.
        """
        return cls(fetched(str(place)) if is_url(place) else place)

    def __len__(self) -> int:
        return len(self._positions)

    def facts(self) -> tuple[str, dict[str, str]]:
        """Return corpus, size and emotions, as a session shows them."""
        seconds = sum(self.length(clip) for clip in self.utterances) / self.sample_rate
        return f"Dataset {self.corpus}", {
            "clips": str(len(self)),
            "speakers": str(len({about.speaker for about in self.utterances.values()})),
            "minutes": f"{seconds / 60:.1f}",
            "rate": f"{self.sample_rate} Hz",
            "emotions": few(self.labels),
        }

    def waveform(self, clip: str) -> Tensor:
        """Return the samples `[T]` of a clip."""
        samples = torch.empty(self.length(clip))
        self.fill(clip, samples)
        return samples

    def fill(self, clip: str, into: Tensor) -> None:
        """Copy the samples of a clip to the beginning of `into`, `[T]`."""
        shard, offset, length = self._positions[clip]
        if shard not in self._shards:
            self._shards[shard] = Shard(self.folder / shard_name(shard))
        self._shards[shard].read(offset, into[:length])

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the emotional dimensions of which every clip has a rating; none if there are only emotions."""
        clips = list(self.utterances.values())
        return tuple(clips[0].dimensions) if clips and isinstance(clips[0], Rated) else ()

    def ratings(self, clips: Sequence[str], dimensions: Sequence[str]) -> Tensor:
        """Return the ratings of clips, `[N, dimensions]`, as shares of their scale.

        Raises:
            StaanetError: If the dataset has no ratings of one of the dimensions.
        """
        if unknown := [name for name in dimensions if name not in self.dimensions]:
            raise StaanetError(
                f"{self.folder}: expected ratings of {', '.join(unknown)}, got "
                f"{', '.join(self.dimensions) or 'a dataset of emotions without ratings'}; prepare the corpus with its "
                "dimensions (--set 'dimensions=[\"arousal\"]'), or use a model of emotions"
            )
        rows = [[cast(Rated, self.utterances[clip]).dimensions[name] for name in dimensions] for clip in clips]
        return torch.tensor(rows)

    def length(self, clip: str) -> int:
        """Return the number of samples of a clip."""
        return self._positions[clip][2]

    def label(self, clip: str) -> int:
        """Return the class number of a clip."""
        return self.labels.index(self.utterances[clip].label)

    def batch(self, clips: Sequence[str]) -> Batch:
        """Return clips as one batch, padded with zeros."""
        lengths = [self.length(clip) for clip in clips]
        waveforms = torch.empty(len(clips), max(lengths))
        for row, clip, length in zip(waveforms, clips, lengths, strict=True):
            self.fill(clip, row)
            row[length:] = 0
        labels = torch.tensor([self.label(clip) for clip in clips], dtype=torch.int64)
        return Batch(waveforms, torch.tensor(lengths), labels, tuple(clips))

    def batches(self, clips: Iterable[str], size: int) -> list[list[str]]:
        """Return the ids of the clips in batches of `size` clips of similar length, so that there is little padding."""
        ordered = sorted(clips, key=lambda clip: (self.length(clip), clip))
        return [ordered[start : start + size] for start in range(0, len(ordered), size)]

    def only(self, labels: Sequence[str]) -> "Dataset":
        """Return a view with the clips of the given emotions only, which become its labels in that order."""
        if tuple(labels) == self.labels:
            return self
        view = copy.copy(self)
        view.labels = tuple(labels)
        view.utterances = {clip: about for clip, about in self.utterances.items() if about.label in view.labels}
        view._positions = {clip: self._positions[clip] for clip in view.utterances}
        return view

    def without(self, clips: Iterable[str]) -> "Dataset":
        """Return a view without some clips."""
        view, left_out = copy.copy(self), set(clips)
        view.utterances = {clip: about for clip, about in self.utterances.items() if clip not in left_out}
        view._positions = {clip: self._positions[clip] for clip in view.utterances}
        return view

    def check(self, split: Split) -> None:
        """Check that a split fits this dataset.

        Raises:
            StaanetError: If the split has clips of another corpus, or if one of its units (the speaker; or the session
                or clip, if it was split by them) is in two subsets.
        """
        subsets: dict[str, str] = {}
        for subset, clips in (("train", split.train), ("val", split.val), ("test", split.test)):
            for clip in clips:
                if clip not in self.utterances:
                    raise StaanetError(f"expected a split of {self.corpus}, got clip {clip!r}; make the split again")
                unit = getattr(self.utterances[clip], split.by)
                if subsets.setdefault(unit, subset) != subset:
                    raise StaanetError(
                        f"expected {split.by}s in one subset each, got {unit!r} in two; split by {split.by}"
                    )


def utterance_of(about: Mapping[str, Any]) -> Utterance:
    """Return the clip, or the segment, that a line of a manifest describes.

    Args:
        about: Its fields.
    """
    kind = Segment if "augmentation" in about else Rated if "dimensions" in about else Utterance
    return kind(**about)
