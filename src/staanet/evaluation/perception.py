"""Perceptual measures of an adversarial set, which are measured once because they do not depend on the target model."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from staanet.core.progress import track
from staanet.evaluation.adversarial import AdversarialSet
from staanet.evaluation.features import ClipDataset
from staanet.metrics.perception import MEASURES

PERCEPTION = "perception.jsonl"
"""Name of the file in an adversarial set that holds the measures, one row per clip."""


def perceive(dataset: ClipDataset, clips: Sequence[str], adversarial: AdversarialSet) -> list[dict[str, Any]]:
    """Return one row per clip: its id, its measures (None if undefined), and under `undefined` the reasons by measure.

    Args:
        dataset: Dataset of the clean clips, or of their features.
        clips: Ids of the clips.
        adversarial: Adversarial set with the attacked clips.
    """
    rows = []
    for (clip,) in track(dataset.batches(clips, 1), "perception"):
        pair = adversarial.pair(dataset, clip)
        found = {name: measure(*pair, dataset.sample_rate) for name, measure in MEASURES.items()}
        values = {name: measured.value for name, measured in found.items()}
        reasons = {name: measured.reason for name, measured in found.items() if measured.value is None}
        rows.append({"id": clip, **values, "undefined": reasons})
    return rows


def averaged(rows: Sequence[dict[str, Any]]) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return the means of the measures over all and over the fooled clips, and notes on them.

    Each mean is over the clips for which the measure is defined; a note says how many were skipped and why. If the
    rows have no measures, all means are None and there are no notes.

    Args:
        rows: The outcome of each clip, with its measures.
    """
    fields = {field: name for name in MEASURES for field in (name, f"{name}_fooled")}
    if not all(set(MEASURES) <= set(row) for row in rows):
        return dict.fromkeys(fields), {}
    fooled = [row for row in rows if row["predicted_adv"] != row["predicted_clean"]]
    means: dict[str, float | None] = {}
    notes = {}
    for field, name in fields.items():
        among = fooled if field.endswith("_fooled") else rows
        known = [row[name] for row in among if row[name] is not None]
        reasons = Counter(row["undefined"][name] for row in among if row[name] is None)
        means[field] = fmean(known) if known else None
        if not among:
            notes[field] = "no clip was fooled"
        elif reasons:
            (often, _), *_ = reasons.most_common(1)
            notes[field] = f"{reasons.total()} of {len(among)} clips skipped, most often because {often}"
    return means, notes
