"""Preparation: a corpus is checked, converted to one channel and one sampling rate, and written as a dataset."""

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from staanet.audio.files import mono, resample
from staanet.audio.lengths import is_silent, trimmed
from staanet.core.checkpoints import save_tensors
from staanet.core.errors import StaanetError
from staanet.core.files import atomic_write, check_replaceable, write_json, write_jsonl
from staanet.core.progress import track
from staanet.core.signature import file_digest
from staanet.core.version import __version__
from staanet.corpora.base import Corpus, Samples, Utterance, Validation
from staanet.data.dataset import Dataset, shard_name
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
) -> Dataset:
    """Write a corpus as a prepared dataset and return the dataset.

    Clips that cannot be used (unreadable, truncated, empty, silent, constant, with NaN, or in an integer scale) are
    skipped, and a warning is logged for each. Clips that exceed full scale a little, as decoded MP3 does, are clipped
    to it, and one warning counts them. With `segments`, the dataset holds the segments of each clip; a warning for each
    reason counts those that cannot be used.

    Args:
        corpus: The corpus.
        root: Folder of the corpus.
        folder: Folder of the dataset; an existing dataset is replaced.
        sample_rate: Sampling rate of the dataset in Hz (default: 16 kHz, which the published models expect).
        trim_db: Both ends of a clip are cut off as long as they are this many dB below its loudest frame (default:
            None, nothing is cut off).
        segments: How clips are cut into segments and augmented (default: None, clips stay whole).

    Raises:
        StaanetError: If there is no usable clip at `root`, or if `folder` cannot be written.
    """
    check_replaceable(folder, "dataset.json")
    found = corpus.validate(root)
    skipped, remarks = list(found.problems), list(found.remarks)
    labels = corpus.labels(root) if segments is None else segments.labels(corpus.labels(root))
    utterances = [utterance for utterance in found.utterances if utterance.label in labels]
    if others := len(found.utterances) - len(utterances):
        remarks.append(f"skipped {others} clips of other emotions than {', '.join(labels)}")
    about = {
        "corpus": corpus.name,
        "licence": corpus.licence,
        "citation": corpus.citation,
        "labels": labels,
        "staanet": __version__,
        "sample_rate": sample_rate,
        "trim_db": trim_db,
        "segments": None if segments is None else dataclasses.asdict(segments),
    }
    with atomic_write(folder) as temporary:
        temporary.mkdir()
        clips = _usable(corpus, root, utterances, sample_rate, trim_db, segments, skipped, remarks)
        rows = _write_shards(temporary, clips, labels)
        if not rows:
            raise StaanetError(
                f"{root}: expected usable clips, found none"
                + (f" of {len(skipped)}: {skipped[0]}" if skipped else f"; give the folder of {corpus.name}")
            )
        write_jsonl(temporary / "manifest.jsonl", rows)
        digests = [file_digest(path) for path in sorted(temporary.glob("*.safetensors"))]
        about["digest"] = digests[0] if len(digests) == 1 else "+".join(digests)
        lists = {"skipped": skipped, "missing": list(found.missing), "extra": list(found.extra), "remarks": remarks}
        write_json(temporary / "dataset.json", about | lists)
    _warn(root, found, remarks, skipped)
    return Dataset(folder)


def _warn(root: Path, found: Validation, remarks: Sequence[str], skipped: Sequence[str]) -> None:
    for state, names in (("missing", found.missing), ("not of the corpus", found.extra)):
        if names:
            logger.warning("%s: %d clips %s, such as %s", root, len(names), state, ", ".join(names[:3]))
    for line in remarks:
        logger.warning("%s: %s", root, line)
    for line in skipped:
        logger.warning("%s", line)


def _usable(
    corpus: Corpus,
    root: Path,
    utterances: Sequence[Utterance],
    sample_rate: int,
    trim_db: float | None,
    segments: Segmentation | None,
    skipped: list[str],
    remarks: list[str],
) -> Iterable[tuple[Utterance, Samples]]:
    """Yield the clips, or their segments, that can be used; append to `skipped` and `remarks` why others cannot."""
    beyond: dict[str, float] = {}

    def load(utterance: Utterance) -> Samples | str:
        try:
            samples, rate = corpus.read(root, utterance)
        except StaanetError as error:
            return f"{error}; skipped"
        if (peak := float(np.abs(samples).max(initial=0.0))) > 1:
            beyond[utterance.id] = peak
        waveform = resample(mono(samples), rate, sample_rate).clip(-1, 1)
        if is_silent(waveform):
            return f"{root / utterance.path}: expected speech, got silence; skipped"
        return waveform if trim_db is None else trimmed(waveform, sample_rate, trim_db)

    def cut(utterance: Utterance) -> Sequence[tuple[Utterance, Samples] | str] | str:
        samples = load(utterance)
        if segments is None or isinstance(samples, str):
            return samples if isinstance(samples, str) else [(utterance, samples)]
        return list(segments.segment(utterance, samples, sample_rate))

    lacking: Counter[str] = Counter()
    with ThreadPoolExecutor() as pool:
        for clips in track(pool.map(cut, utterances), f"prepare {corpus.name}", total=len(utterances)):
            if isinstance(clips, str):
                skipped.append(clips)
                continue
            for clip in clips:
                if isinstance(clip, str):
                    lacking[clip] += 1
                else:
                    yield clip
    remarks += [f"skipped {count} segments {reason}" for reason, count in sorted(lacking.items())]
    if beyond:
        peak, loudest = max((peak, name) for name, peak in beyond.items())
        remarks.append(f"clipped {len(beyond)} clips to full scale; the largest peak is {peak:.3g}, in {loudest}")


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
