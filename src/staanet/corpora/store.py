"""The prepared store: a corpus checked, at one rate, in one place.

Layout: `store.json` (what it is), `manifest.jsonl` (a line per clip), `shard-00000.safetensors` ... (samples end to
end, offsets, labels).
"""

import copy
import dataclasses
import json
import logging
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from staanet.audio.files import mono, resample
from staanet.audio.lengths import trimmed
from staanet.core.checkpoints import save_tensors
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable, read_json, read_jsonl, whole, write_json, write_jsonl
from staanet.core.progress import track
from staanet.core.signature import file_digest
from staanet.core.version import __version__
from staanet.corpora.base import SILENCE, Corpus, Piece, Samples, Utterance
from staanet.corpora.pieces import Pieces
from staanet.corpora.splits import Split

logger = logging.getLogger(__name__)

SHARD_SAMPLES = 64 * 1024 * 1024


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


class Store:
    """A prepared corpus; clips are read from its shards when they are asked for.

    Raises:
        StaanetError: no store there, or a damaged one.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "store.json").is_file():
            raise StaanetError(f"{folder}: expected a prepared store, found none; make one with `staanet prepare`")
        about = read_json(self.folder / "store.json")
        rows = read_jsonl(self.folder / "manifest.jsonl")
        try:
            self.corpus: str = about["corpus"]
            self.labels = tuple(about["labels"])
            self.sample_rate: int = about["sample_rate"]
            self.digest: str = about["digest"]
            self.left_out: list[str] = about["left_out"]
            self._place = {row["utterance"]["id"]: (row["shard"], row["offset"], row["length"]) for row in rows}
            self.utterances = {row["utterance"]["id"]: _described(row["utterance"]) for row in rows}
        except (KeyError, TypeError) as error:
            raise StaanetError(
                f"{folder}: expected a prepared store, got a damaged one ({error}); prepare again"
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

    def only(self, labels: Sequence[str]) -> "Store":
        """Return the store held to the clips of some emotions, which then are its labels, in that order."""
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
    return (Piece if "version" in about else Utterance)(**about)


def shard_name(number: int) -> str:
    """Return a shard's file name.

    >>> shard_name(3)
    'shard-00003.safetensors'
    """
    return f"shard-{number:05d}.safetensors"


def prepare(
    corpus: Corpus,
    root: Path,
    folder: Path,
    sample_rate: int = 16_000,
    trim_db: float | None = None,
    pieces: Pieces | None = None,
) -> Store:
    """Check a corpus, bring it to one channel and one rate, cut silence where asked, and write it as a store.

    Clips that cannot be used (unreadable, truncated, empty, silent, with NaN) are left out, each told in one line.
    With `pieces`, what is written is the pieces of each clip; those that cannot be used are counted in a line.

    Raises:
        StaanetError: nothing usable at `root`, or `folder` cannot be written.
    """
    check_replaceable(folder, "store.json")
    found = corpus.validate(root)
    left_out, remarks = list(found.problems), list(found.remarks)
    labels = corpus.labels(root) if pieces is None else pieces.labels(corpus.labels(root))
    utterances = [utterance for utterance in found.utterances if utterance.label in labels]
    if others := len(found.utterances) - len(utterances):
        remarks.append(f"left out {others} clips of other emotions than {', '.join(labels)}")
    rows: list[dict[str, Any]] = []
    with whole(folder) as temporary:
        temporary.mkdir()
        shard: list[tuple[Utterance, Samples]] = []
        shards = held = 0
        for clip in _usable(corpus, root, utterances, sample_rate, trim_db, pieces, left_out, remarks):
            shard.append(clip)
            held += len(clip[1])
            if held >= SHARD_SAMPLES:
                rows += _write_shard(temporary, shards, shard, labels)
                shard, shards, held = [], shards + 1, 0
        if shard:
            rows += _write_shard(temporary, shards, shard, labels)
        if not rows:
            raise StaanetError(
                f"{root}: expected usable clips, found none"
                + (f" of {len(left_out)}: {left_out[0]}" if left_out else f"; give the folder of {corpus.name}")
            )
        write_jsonl(temporary / "manifest.jsonl", rows)
        digests = [file_digest(path) for path in sorted(temporary.glob("*.safetensors"))]
        about: dict[str, Any] = {
            "corpus": corpus.name,
            "licence": corpus.licence,
            "citation": corpus.citation,
            "labels": labels,
        }
        about |= {
            "staanet": __version__,
            "sample_rate": sample_rate,
            "trim_db": trim_db,
            "pieces": None if pieces is None else dataclasses.asdict(pieces),
            "digest": digests[0] if len(digests) == 1 else "+".join(digests),
        }
        write_json(
            temporary / "store.json",
            {
                **about,
                "left_out": left_out,
                "missing": list(found.missing),
                "extra": list(found.extra),
                "remarks": remarks,
            },
        )
    for lack, names in (("missing", found.missing), ("not of the corpus", found.extra)):
        if names:
            logger.warning("%s: %d clips %s, such as %s", root, len(names), lack, ", ".join(names[:3]))
    for line in remarks:
        logger.warning("%s: %s", root, line)
    for line in left_out:
        logger.warning("%s", line)
    return Store(folder)


def _usable(
    corpus: Corpus,
    root: Path,
    utterances: Sequence[Utterance],
    sample_rate: int,
    trim_db: float | None,
    pieces: Pieces | None,
    left_out: list[str],
    remarks: list[str],
) -> Iterable[tuple[Utterance, Samples]]:
    def load(utterance: Utterance) -> Samples | str:
        try:
            samples, rate = corpus.read(root, utterance)
        except StaanetError as error:
            return f"{error}; left out"
        waveform = resample(mono(samples), rate, sample_rate).clip(-1, 1)
        if len(waveform) == 0 or np.abs(waveform).max() < SILENCE:
            return f"{root / utterance.path}: expected speech, got silence; left out"
        return waveform if trim_db is None else trimmed(waveform, sample_rate, trim_db)

    def cut(utterance: Utterance) -> Sequence[tuple[Utterance, Samples] | str] | str:
        samples = load(utterance)
        if pieces is None or isinstance(samples, str):
            return samples if isinstance(samples, str) else [(utterance, samples)]
        return list(pieces.cut(utterance, samples, sample_rate))

    lacking: Counter[str] = Counter()
    with ThreadPoolExecutor() as pool:
        for clips in track(pool.map(cut, utterances), f"prepare {corpus.name}", total=len(utterances)):
            if isinstance(clips, str):
                left_out.append(clips)
                continue
            for clip in clips:
                if isinstance(clip, str):
                    lacking[clip] += 1
                else:
                    yield clip
    remarks += [f"left out {count} pieces {reason}" for reason, count in sorted(lacking.items())]


def _write_shard(
    folder: Path, number: int, clips: Sequence[tuple[Utterance, Samples]], labels: Sequence[str]
) -> list[dict[str, Any]]:
    lengths = [len(samples) for _, samples in clips]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tensors = {
        "samples": torch.from_numpy(np.concatenate([samples for _, samples in clips])),
        "offsets": torch.from_numpy(offsets),
        "labels": torch.tensor([labels.index(utterance.label) for utterance, _ in clips]),
    }
    save_tensors(folder / shard_name(number), tensors)
    return [
        {
            "utterance": dataclasses.asdict(utterance),
            "shard": number,
            "offset": int(offset),
            "length": length,
        }
        for (utterance, _), offset, length in zip(clips, offsets, lengths, strict=False)
    ]
