"""Preparation: a corpus is checked, converted to one channel and one sampling rate, and written as a dataset."""

import dataclasses
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from staanet.core.checkpoints import save_tensors
from staanet.core.checksums import seal
from staanet.core.files import atomic_write, check_replaceable, write_json, write_jsonl
from staanet.core.signature import file_digest
from staanet.core.version import __version__
from staanet.corpora.base import Corpus, Samples, Utterance
from staanet.data.dataset import Dataset
from staanet.data.manifest import shard_name
from staanet.data.overview import overview_of
from staanet.data.reading import Reader
from staanet.data.segments import Segmentation

logger = logging.getLogger(__name__)


SHARD_SAMPLES = 64 * 1024 * 1024
"""Number of samples (256 MB of them) from which a shard is full and the next one begins."""


def prepare(
    corpus: Corpus,
    root: Path,
    folder: Path,
    sample_rate: int = 16_000,
    trim_db: float | None = None,
    segments: Segmentation | None = None,
    *,
    to_train: bool = True,
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
        folder: Folder of the dataset; an existing dataset is replaced.
        sample_rate: Sampling rate of the dataset in Hz (default: 16 kHz, which the published models expect).
        trim_db: Both ends of a clip are cut off as long as they are this many dB below its loudest frame (default:
            None, nothing is cut off).
        segments: How clips are cut into segments and augmented (default: None, clips stay whole).
        to_train: Whether models will be trained on the clips, so that doubts about speakers and splits are warnings.

    Raises:
        StaanetError: If there is no usable clip at `root`, or if `folder` cannot be written.
    """
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
    with atomic_write(folder) as temporary:
        temporary.mkdir()
        rows = _write_shards(temporary, reader.read(findings), findings.labels)
        write_jsonl(temporary / "manifest.jsonl", rows)
        digests = [file_digest(path) for path in sorted(temporary.glob("*.safetensors"))]
        about["digest"] = digests[0] if len(digests) == 1 else "+".join(digests)
        overview = overview_of(findings, to_train)
        lists = {
            "skipped": findings.skipped,
            "missing": list(findings.found.missing),
            "extra": list(findings.found.extra),
            "remarks": findings.remarks,
            "overview": overview,
        }
        write_json(temporary / "dataset.json", about | lists)
        seal(temporary)
    _warn(root, overview)
    return Dataset(folder)


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
    shard: list[tuple[Utterance, Samples]] = []
    shards = size = 0
    for clip in clips:
        shard.append(clip)
        size += len(clip[1])
        if size >= SHARD_SAMPLES:
            rows += _write_shard(folder, shards, shard, labels)
            shard, shards, size = [], shards + 1, 0
    if shard:
        rows += _write_shard(folder, shards, shard, labels)
    return rows


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
