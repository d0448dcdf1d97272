"""The prepared dataset: a corpus checked, at one rate, in one place.

Layout: `dataset.json` (what it is), `manifest.jsonl` (a line per clip), `shard-00000.safetensors` ... (samples end to
end, offsets, labels).
"""

import copy
import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.core.files import read_json, read_jsonl
from staanet.corpora.base import Segment, Utterance
from staanet.data.splits import Split


@dataclass(frozen=True)
class Batch:
    """Clips of their own lengths: waveforms `[B, T]`, lengths `[B]`, labels `[B]`, ids."""

    waveforms: Tensor
    lengths: Tensor
    labels: Tensor
    ids: tuple[str, ...]

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device; an accelerator fetches it while it works on what came before."""
        waveforms, lengths, labels = (_moved(part, device) for part in (self.waveforms, self.lengths, self.labels))
        return Batch(waveforms, lengths, labels, self.ids)


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)  # one that did not wait could be read before it is there
    return tensor.pin_memory().to(device, non_blocking=True)


def collate(waveforms: Sequence[Tensor], labels: Sequence[int], ids: Sequence[str]) -> Batch:
    """Return clips `[T_i]` as one batch, zeros beyond each clip."""
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    padded = torch.nn.utils.rnn.pad_sequence(list(waveforms), batch_first=True)
    return Batch(padded, lengths, torch.tensor(labels, dtype=torch.int64), tuple(ids))


class Shard:
    """The samples of a shard, read from their place in its file when they are asked for.

    A memory map would hold every page that was touched, after an epoch the whole corpus, and take longer for it.

    Raises:
        StaanetError: a damaged file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            safe_open(path, framework="pt").get_slice("samples")  # finds a file that is cut, too
            self._file = path.open("rb", buffering=0)
            (size,) = struct.unpack("<Q", self._file.read(8))
            self._start = 8 + size + json.loads(self._file.read(size))["samples"]["data_offsets"][0]
        except (SafetensorError, OSError) as error:
            raise StaanetError(f"{path}: expected a shard, got a damaged file ({error}); prepare again") from error

    def read(self, offset: int, into: Tensor) -> None:
        """Fill `into` `[T]` with the samples from `offset` on."""
        samples = into.numpy().view(np.uint8)
        self._file.seek(self._start + into.element_size() * offset)
        if self._file.readinto(samples.data) < len(samples):
            raise StaanetError(f"{self._path}: expected a shard, got a damaged file (cut); prepare again")


class Dataset:
    """A prepared corpus; clips are read from its shards when they are asked for.

    Raises:
        StaanetError: no dataset there, or a damaged one.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "dataset.json").is_file():
            raise StaanetError(f"{folder}: expected a prepared dataset, found none; make one with `staanet prepare`")
        about = read_json(self.folder / "dataset.json")
        rows = read_jsonl(self.folder / "manifest.jsonl")
        try:
            self.corpus: str = about["corpus"]
            self.labels = tuple(about["labels"])
            self.sample_rate: int = about["sample_rate"]
            self.digest: str = about["digest"]
            self.skipped: list[str] = about["skipped"]
            self._place = {row["utterance"]["id"]: (row["shard"], row["offset"], row["length"]) for row in rows}
            self.utterances = {row["utterance"]["id"]: _described(row["utterance"]) for row in rows}
        except (KeyError, TypeError) as error:
            raise StaanetError(
                f"{folder}: expected a prepared dataset, got a damaged one ({error}); prepare again"
            ) from None
        self._shards: dict[int, Shard] = {}

    def __len__(self) -> int:
        return len(self._place)

    def waveform(self, clip: str) -> Tensor:
        """Return the samples `[T]` of a clip."""
        samples = torch.empty(self.length(clip))
        self.fill(clip, samples)
        return samples

    def fill(self, clip: str, into: Tensor) -> None:
        """Write the samples of a clip to the beginning of `into`."""
        shard, offset, length = self._place[clip]
        if shard not in self._shards:
            self._shards[shard] = Shard(self.folder / shard_name(shard))
        self._shards[shard].read(offset, into[:length])

    def length(self, clip: str) -> int:
        """Return the number of samples of a clip."""
        return cast(int, self._place[clip][2])

    def label(self, clip: str) -> int:
        """Return the class number of a clip."""
        return self.labels.index(self.utterances[clip].label)

    def batch(self, clips: Sequence[str]) -> Batch:
        """Return clips as one batch, zeros beyond each clip."""
        lengths = [self.length(clip) for clip in clips]
        waveforms = torch.empty(len(clips), max(lengths))
        for row, clip, length in zip(waveforms, clips, lengths, strict=True):
            self.fill(clip, row)
            row[length:] = 0
        labels = torch.tensor([self.label(clip) for clip in clips], dtype=torch.int64)
        return Batch(waveforms, torch.tensor(lengths), labels, tuple(clips))

    def batches(self, clips: Iterable[str], size: int) -> list[list[str]]:
        """Return the clips in batches of similar length, so that little is padded."""
        ordered = sorted(clips, key=lambda clip: (self.length(clip), clip))
        return [ordered[start : start + size] for start in range(0, len(ordered), size)]

    def only(self, labels: Sequence[str]) -> "Dataset":
        """Return the dataset held to the clips of some emotions, which then are its labels, in that order."""
        if tuple(labels) == self.labels:
            return self
        view = copy.copy(self)
        view.labels = tuple(labels)
        view.utterances = {clip: about for clip, about in self.utterances.items() if about.label in view.labels}
        view._place = {clip: self._place[clip] for clip in view.utterances}
        return view

    def check(self, split: Split) -> None:
        """Refuse a split of another corpus, or one that a speaker straddles; in a split by session, a session.

        Raises:
            StaanetError: it does.
        """
        parts: dict[str, str] = {}
        for part, clips in (("train", split.train), ("val", split.val), ("test", split.test)):
            for clip in clips:
                if clip not in self.utterances:
                    raise StaanetError(f"expected a split of {self.corpus}, got clip {clip!r}; make the split again")
                whole_one = getattr(self.utterances[clip], split.by)
                if parts.setdefault(whole_one, part) != part:
                    raise StaanetError(
                        f"expected {split.by}s in one part each, got {whole_one!r} in two; split by {split.by}"
                    )


def _described(about: dict[str, Any]) -> Utterance:
    return (Segment if "augmentation" in about else Utterance)(**about)


def shard_name(number: int) -> str:
    """Return a shard's file name.

    >>> shard_name(3)
    'shard-00003.safetensors'
    """
    return f"shard-{number:05d}.safetensors"
