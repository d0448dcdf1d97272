"""A preparation as work for an engine: the clips are read in parts, and shards are then written from these."""

import contextlib
import functools
import logging
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from staanet.core import checksums
from staanet.core.checkpoints import load_tensors, save_tensors
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, read_jsonl, remove, write_json, write_jsonl
from staanet.core.processes import LOCK, locked
from staanet.core.signature import signature_of
from staanet.corpora.base import Utterance
from staanet.data.dataset import utterance_of
from staanet.data.manifest import shard_name
from staanet.data.reading import ClipAudio, Cut, Findings, ReadClip, Reader
from staanet.data.shards import manifest_rows, save_shard, shards_of
from staanet.engines import Engine, Job, Surroundings, alone, complete

logger = logging.getLogger(__name__)

PART_CLIPS = 64
"""Number of clips that a worker reads at a time; if it dies, so many are read again."""

PART, SHARD = "part", "shard"
"""First words of the names of the jobs."""

ABOUT, CLIPS, MANIFEST, LAYOUT = "about.json", "clips.jsonl", "manifest.jsonl", "layout.json"
"""Files that say what the preparation is of, which clips it reads, and which of them each shard holds."""


@dataclass(frozen=True, eq=False)
class PreparationWork(Surroundings):
    """What a worker must know of a preparation to do some of it.

    Args:
        folder: Absolute path of the folder with everything that is made until the dataset is complete.
        reader: Reads the clips.
        clips: Number of clips of a part.
    """

    folder: Path
    reader: Reader
    clips: int

    def __call__(self, job: Job) -> None:
        """Read a part of the clips, or write a shard, while no other process does.

        Raises:
            StaanetError: The worker does not see the corpus.
        """
        self.enter()
        kind, number = job.name.split()
        with alone(self.folder, job):
            (_read_part if kind == PART else _write_shard)(self, int(number))


@contextlib.contextmanager
def shards_made(
    engine: Engine, reader: Reader, findings: Findings, folder: Path
) -> Iterator[tuple[list[dict[str, Any]], list[Path]]]:
    """Make the shards of a dataset on an engine; yield the lines of its manifest and the files, to be moved away.

    What is made is in `<folder>.progress` until the block has ended, so that a preparation that was interrupted goes on
    from there. If clips or settings have changed, it begins anew.

    Args:
        engine: The engine.
        reader: Reads the clips.
        findings: What is known of the corpus; what was read and skipped is added to it.
        folder: Folder of the dataset.

    Raises:
        StaanetError: There is no usable clip, or some results could not be made; all others were.
    """
    place = folder.with_name(f"{folder.name}.progress")
    with locked(place):
        utterances = reader.wanted(findings)
        _begin(place, reader, utterances)
        work = PreparationWork(place.resolve(), reader, PART_CLIPS)
        parts = range(-(-len(utterances) // PART_CLIPS))
        _make(engine, work, {f"{PART} {number}": _part_names(number) for number in parts}, folder)
        rows = _lay_out(place, reader, findings, utterances)
        shards = range(rows[-1]["shard"] + 1)
        _make(engine, work, {f"{SHARD} {number}": [shard_name(number)] for number in shards}, folder)
        yield rows, [place / shard_name(number) for number in shards]
        remove(place)


def _begin(place: Path, reader: Reader, utterances: Sequence[Utterance]) -> None:
    """Write down what is prepared, and remove what was made of other clips or with other settings."""
    clips = [asdict(utterance) for utterance in utterances]
    settings = {
        "corpus": reader.corpus,
        "sample_rate": reader.sample_rate,
        "trim_db": reader.trim_db,
        "segments": reader.segments,
        "clips": clips,
        "part": PART_CLIPS,
        "files": [_stamp(reader.root / utterance.path) or _stamp(reader.root) for utterance in utterances],
    }
    about = {"signature": signature_of(settings)}
    if not (place / ABOUT).is_file() or read_json(place / ABOUT) != about:
        for path in place.iterdir():
            if path.name != LOCK:
                remove(path)
        write_jsonl(place / CLIPS, clips)
        write_json(place / ABOUT, about)


def _stamp(path: Path) -> list[Any]:
    """Return what changes with a file; nothing if there is none."""
    with contextlib.suppress(OSError):
        if path.is_file():
            return list(checksums.stamp_of(path))
    return []


def _make(engine: Engine, work: PreparationWork, files: dict[str, list[str]], folder: Path) -> None:
    """Do the jobs whose files are missing or damaged.

    Args:
        engine: The engine.
        work: What the jobs are parts of.
        files: Names of the files that each job makes.
        folder: Folder of the dataset.
    """
    known = checksums.read(work.folder) or {}
    damaged = checksums.damages(work.folder, list(known))
    for damage in damaged:
        logger.warning("%s; it is not used, and made again", damage)
    intact = known.keys() - {damage.path.name for damage in damaged}
    jobs = [Job(name) for name, made in files.items() if not intact.issuperset(made)]
    complete(engine, work, jobs, folder, "the same command")


def _part_names(number: int) -> list[str]:
    """Return the names of the files of a part: its samples, and a line for each clip."""
    return [f"part-{number:06d}.safetensors", f"part-{number:06d}.jsonl"]


def _read_part(work: PreparationWork, number: int) -> None:
    """Read a part of the clips, and write what was read."""
    reader = work.reader
    if reader.corpus.on_disk and not reader.root.exists():
        raise StaanetError(
            f"{reader.root}: expected the folder of the corpus where the workers are, found none; give a folder that "
            "all nodes share"
        )
    samples: list[Any] = [np.empty(0, dtype=np.float32)]
    lines: list[Any] = []
    for about in read_jsonl(work.folder / CLIPS)[number * work.clips : (number + 1) * work.clips]:
        clip = reader.cut(utterance_of(about))
        if isinstance(clip, str):
            lines.append(clip)
            continue
        pieces: list[Any] = []
        for piece in clip.pieces:
            if isinstance(piece, str):
                pieces.append(piece)
            else:
                samples.append(piece[1])
                pieces.append({"utterance": asdict(piece[0]), "length": len(piece[1])})
        lines.append({"audio": clip.audio._asdict(), "peak": clip.peak, "pieces": pieces})
    paths = [work.folder / name for name in _part_names(number)]
    save_tensors(paths[0], {"samples": torch.from_numpy(np.concatenate(samples))})
    write_jsonl(paths[1], lines)
    checksums.add(work.folder, paths)


def _read_lines(place: Path, number: int) -> Iterator[Cut[int]]:
    """Yield what was read of each clip of a part, with the number of samples in place of these."""
    for line in read_jsonl(place / _part_names(number)[1]):
        if isinstance(line, str):
            yield line
            continue
        pieces = [
            piece if isinstance(piece, str) else (utterance_of(piece["utterance"]), piece["length"])
            for piece in line["pieces"]
        ]
        yield ReadClip(ClipAudio(**line["audio"]), line["peak"], pieces)


def _lay_out(place: Path, reader: Reader, findings: Findings, utterances: Sequence[Utterance]) -> list[dict[str, Any]]:
    """Decide which shard holds which clips, write it down for the workers, and return the lines of the manifest."""
    counts: list[int] = []

    def read() -> Iterator[Cut[int]]:
        for number in range(-(-len(utterances) // PART_CLIPS)):
            clips = list(_read_lines(place, number))
            pieces = [piece for clip in clips if not isinstance(clip, str) for piece in clip.pieces]
            counts.append(sum(piece[1] for piece in pieces if not isinstance(piece, str)))
            yield from clips

    rows: list[dict[str, Any]] = []
    for number, shard in enumerate(shards_of(reader.gather(findings, utterances, read()), int)):
        own, lengths = zip(*shard, strict=True)
        rows += manifest_rows(number, own, lengths)
    write_jsonl(place / MANIFEST, rows)
    write_json(place / LAYOUT, {"labels": findings.labels, "parts": counts})
    return rows


@functools.lru_cache(maxsize=1)
def _layout(work: PreparationWork) -> tuple[list[str], list[int], list[list[dict[str, Any]]]]:
    """Return, in a worker, the labels, where each part ends in the samples of all, and the clips of each shard."""
    about, rows = read_json(work.folder / LAYOUT), read_jsonl(work.folder / MANIFEST)
    shards: list[list[dict[str, Any]]] = [[] for _ in range(rows[-1]["shard"] + 1)]
    for row in rows:
        shards[row["shard"]].append(row)
    return about["labels"], list(accumulate(about["parts"])), shards


def _write_shard(work: PreparationWork, number: int) -> None:
    """Write a shard from the parts that hold its clips."""
    labels, ends, shards = _layout(work)
    start = sum(row["length"] for shard in shards[:number] for row in shard)
    lengths = [row["length"] for row in shards[number]]
    samples = _samples(work.folder, ends, start, start + sum(lengths))
    save_shard(
        work.folder, number, samples, lengths, [labels.index(row["utterance"]["label"]) for row in shards[number]]
    )
    checksums.add(work.folder, [work.folder / shard_name(number)])


def _samples(place: Path, ends: Sequence[int], start: int, end: int) -> Tensor:
    """Return samples `[end - start]` of all parts, one after the other."""
    found = torch.empty(end - start)
    done = start
    while done < end:
        part = bisect_right(ends, done)
        first = ends[part] - len(own := load_tensors(place / _part_names(part)[0])["samples"])
        until = min(end, ends[part])
        found[done - start : until - start] = own[done - first : until - first]
        done = until
    return found
