"""How the clips of an adversarial set sound beside the clean ones: the same for every target, so measured once."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from staanet.core.progress import track
from staanet.data import Dataset
from staanet.evaluation.adversarial import AdversarialSet
from staanet.metrics.perception import MEASURES

PERCEPTION = "perception.jsonl"
"""The file of an adversarial set that holds a row per clip."""


def perceive(dataset: Dataset, clips: Sequence[str], adversarial: AdversarialSet) -> list[dict[str, Any]]:
    """Return a row per clip: its id, each measure (None where undefined) and, under `undefined`, the reasons by name.

    Both sides are the stretch that a clip and its twin have in common.
    """
    rows = []
    for (clip,) in track(dataset.batches(clips, 1), "perception"):
        pair = adversarial.beside(dataset, clip)
        found = {name: measure(*pair, dataset.sample_rate) for name, measure in MEASURES.items()}
        values = {name: measured.value for name, measured in found.items()}
        reasons = {name: measured.reason for name, measured in found.items() if measured.value is None}
        rows.append({"id": clip, **values, "undefined": reasons})
    return rows


def averaged(rows: Sequence[dict[str, Any]]) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return the means of the measures in the rows of outcomes, over all and over the fooled clips, and their notes.

    Each mean is over the clips where the measure is defined; a note says how many were left out and why. Where nothing
    was measured all are None, without notes.
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
            notes[field] = f"{reasons.total()} of {len(among)} clips left out, most often because {often}"
    return means, notes
