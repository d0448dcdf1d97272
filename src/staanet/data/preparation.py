"""Preparation: a corpus is checked, converted to one channel and one sampling rate, and written as a dataset."""

import dataclasses
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from staanet.core.checksums import seal
from staanet.core.files import atomic_write, check_replaceable, write_json, write_jsonl
from staanet.core.signature import file_digest
from staanet.core.version import __version__
from staanet.corpora.base import Corpus, Samples, Utterance
from staanet.data.dataset import Dataset
from staanet.data.overview import overview_of
from staanet.data.parts import shards_made
from staanet.data.reading import Findings, Reader
from staanet.data.remote import is_url, outgoing, publish
from staanet.data.segments import Segmentation
from staanet.data.shards import manifest_rows, save_shard, shards_of
from staanet.engines import Engine

logger = logging.getLogger(__name__)


def prepare(
    corpus: Corpus,
    root: Path,
    folder: str | Path,
    sample_rate: int = 16_000,
    trim_db: float | None = None,
    segments: Segmentation | None = None,
    *,
    to_train: bool = True,
    engine: Engine | None = None,
) -> Dataset:
    """Write a corpus as a prepared dataset and return the dataset.

    Clips that cannot be used (unreadable, truncated, empty, silent, constant, with NaN, or in an integer scale) are
    skipped, and a warning is logged for each, or one for many with the same reason. Clips that exceed full scale a
    little, as decoded MP3 does, are clipped to it, and one warning counts them. With `segments`, the dataset holds the
    segments of each clip; a warning for each reason counts those that cannot be used. Further warnings name what is
    doubtful about speakers, emotions, equal clips and splits (see `staanet.data.doubts`).

    Args:
        corpus: The corpus.
        root: Folder of the corpus.
        folder: Folder of the dataset, or address in a store that fsspec knows, such as `s3://bucket/emodb`, to which it
            is written once it is prepared in the cache; an existing dataset is replaced.
        sample_rate: Sampling rate of the dataset in Hz (default: 16 kHz, which the published models expect).
        trim_db: Both ends of a clip are cut off as long as they are this many dB below its loudest frame (default:
            None, nothing is cut off).
        segments: How clips are cut into segments and augmented (default: None, clips stay whole).
        to_train: Whether models will be trained on the clips, so that doubts about speakers and splits are warnings.
        engine: Where clips are read and shards are written (default: None, in this process). The dataset is the same;
            what is made is in `<folder>.progress` until it is complete, so that the same call goes on after an
            interruption.

    Raises:
        StaanetError: If there is no usable clip at `root`, or if `folder` cannot be written.
    """
    if is_url(folder):
        url, place = str(folder), outgoing(str(folder))
        prepare(corpus, root, place, sample_rate, trim_db, segments, to_train=to_train, engine=engine)
        return Dataset(publish(place, url))
    folder = Path(folder)
    check_replaceable(folder, "dataset.json")
    reader = Reader(corpus, root, sample_rate, trim_db, segments)
    findings = reader.find()
    about = {
        "corpus": corpus.name,
        "licence": corpus.licence,
        "citation": corpus.citation,
        "labels": findings.labels,
        "staanet": __version__,
        "sample_rate": sample_rate,
        "trim_db": trim_db,
        "segments": None if segments is None else dataclasses.asdict(segments),
    }
    if engine is None:
        with atomic_write(folder) as temporary:
            temporary.mkdir()
            rows = _write_shards(temporary, reader.read(findings), findings.labels)
            _describe(temporary, rows, about, findings, to_train)
    else:
        with shards_made(engine, reader, findings, folder) as (rows, shards), atomic_write(folder) as temporary:
            temporary.mkdir()
            for shard in shards:
                shard.replace(temporary / shard.name)
            _describe(temporary, rows, about, findings, to_train)
    opened = Dataset(folder)
    _warn(root, opened.overview)
    return opened


def _describe(
    folder: Path, rows: Sequence[dict[str, Any]], about: dict[str, Any], findings: Findings, to_train: bool
) -> None:
    """Write the manifest and the description of a dataset whose shards are written, and its checksums."""
    write_jsonl(folder / "manifest.jsonl", rows)
    digests = [file_digest(path) for path in sorted(folder.glob("*.safetensors"))]
    lists = {
        "digest": digests[0] if len(digests) == 1 else "+".join(digests),
        "skipped": findings.skipped,
        "missing": list(findings.found.missing),
        "extra": list(findings.found.extra),
        "remarks": findings.remarks,
        "overview": overview_of(findings, to_train),
    }
    write_json(folder / "dataset.json", about | lists)
    seal(folder)


def examine(
    corpus: Corpus,
    root: Path,
    sample_rate: int = 16_000,
    trim_db: float | None = None,
    segments: Segmentation | None = None,
) -> dict[str, Any]:
    """Check a corpus as `prepare` does, without writing a dataset, and return the overview of its clips.

    The arguments, the warnings and the errors are those of `prepare`; the result is that of `overview_of`.
    """
    reader = Reader(corpus, root, sample_rate, trim_db, segments)
    findings = reader.find()
    for _ in reader.read(findings):
        pass
    overview = overview_of(findings)
    _warn(root, overview)
    return overview


def _warn(root: Path, overview: dict[str, Any]) -> None:
    for line in overview["warnings"]:
        logger.warning("%s", line if line.startswith(str(root)) else f"{root}: {line}")


def _write_shards(
    folder: Path, clips: Iterable[tuple[Utterance, Samples]], labels: Sequence[str]
) -> list[dict[str, Any]]:
    """Write clips to as many shards as they need, and return the rows of the manifest."""
    rows: list[dict[str, Any]] = []
    for number, shard in enumerate(shards_of(clips, len)):
        rows += _write_shard(folder, number, shard, labels)
    return rows


def _write_shard(
    folder: Path, number: int, clips: Sequence[tuple[Utterance, Samples]], labels: Sequence[str]
) -> list[dict[str, Any]]:
    utterances, waveforms = zip(*clips, strict=True)
    lengths = [len(samples) for samples in waveforms]
    numbers = [labels.index(utterance.label) for utterance in utterances]
    save_shard(folder, number, torch.from_numpy(np.concatenate(waveforms)), lengths, numbers)
    return manifest_rows(number, utterances, lengths)
