"""A corpus, checked and brought to one channel and one rate, becomes a prepared dataset."""

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
from staanet.audio.lengths import trimmed
from staanet.core.checkpoints import save_tensors
from staanet.core.errors import StaanetError
from staanet.core.files import atomic_write, check_replaceable, write_json, write_jsonl
from staanet.core.progress import track
from staanet.core.signature import file_digest
from staanet.core.version import __version__
from staanet.corpora.base import SILENCE, Corpus, Samples, Utterance
from staanet.data.dataset import Dataset, shard_name
from staanet.data.segments import Segmentation

logger = logging.getLogger(__name__)


SHARD_SAMPLES = 64 * 1024 * 1024


def prepare(
    corpus: Corpus,
    root: Path,
    folder: Path,
    sample_rate: int = 16_000,
    trim_db: float | None = None,
    segments: Segmentation | None = None,
) -> Dataset:
    """Check a corpus, bring it to one channel and one rate, cut silence where asked, and write it as a dataset.

    Clips that cannot be used (unreadable, truncated, empty, silent, with NaN) are left out, each told in one line.
    With `segments`, what is written is the segments of each clip; those that cannot be used are counted in a line.

    Raises:
        StaanetError: nothing usable at `root`, or `folder` cannot be written.
    """
    check_replaceable(folder, "dataset.json")
    found = corpus.validate(root)
    skipped, remarks = list(found.problems), list(found.remarks)
    labels = corpus.labels(root) if segments is None else segments.labels(corpus.labels(root))
    utterances = [utterance for utterance in found.utterances if utterance.label in labels]
    if others := len(found.utterances) - len(utterances):
        remarks.append(f"left out {others} clips of other emotions than {', '.join(labels)}")
    rows: list[dict[str, Any]] = []
    with atomic_write(folder) as temporary:
        temporary.mkdir()
        shard: list[tuple[Utterance, Samples]] = []
        shards = held = 0
        for clip in _usable(corpus, root, utterances, sample_rate, trim_db, segments, skipped, remarks):
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
                + (f" of {len(skipped)}: {skipped[0]}" if skipped else f"; give the folder of {corpus.name}")
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
            "segments": None if segments is None else dataclasses.asdict(segments),
            "digest": digests[0] if len(digests) == 1 else "+".join(digests),
        }
        write_json(
            temporary / "dataset.json",
            {
                **about,
                "skipped": skipped,
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
    for line in skipped:
        logger.warning("%s", line)
    return Dataset(folder)


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
    remarks += [f"left out {count} segments {reason}" for reason, count in sorted(lacking.items())]


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
