"""Attacks on features beside attacks on waveforms, at the same distance in the features of the model."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from staanet.core.records import Interval, Record
from staanet.evaluation.case import Rows
from staanet.metrics import wilson
from staanet.metrics.outcome import Floats
from staanet.report.tables import Cell, Table
from staanet.report.wording import interval, number, percent

DOMAINS = ("feature", "waveform")
RADII = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
CAPTION = (
    "The same attack on the features and on the waveform: the clips, in %, that some setting of it fools by features "
    "no farther than L2 from the clean ones, in deviations of a feature; waveforms are pushed through the front end to "
    "measure it. 95 % intervals over clips. What the attack on features finds need not be the features of any sound."
)


@dataclass(frozen=True)
class DomainComparison:
    """How many clips an attack fools in each domain within a distance of features."""

    attack: str
    target: str
    n: int
    l2: float
    feature: float
    feature_ci: Interval
    waveform: float
    waveform_ci: Interval


FIELDS = tuple(field.name for field in dataclasses.fields(DomainComparison))


def compare_domains(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[DomainComparison]:
    """Return, for each attack that was made in both domains, what it fools within each distance.

    Of the clips that all its settings met, a clip counts from the least distance at which one of them fooled it.

    Args:
        records: pooled.
        outcomes: returns the rows of a record.
    """
    families: dict[tuple[str, str], dict[str, list[Record]]] = {}
    for record in records:
        if record.source == record.target and "attack" in record.settings and record.labels_from == "predictions":
            place = (record.settings["attack"]["name"], record.target)
            families.setdefault(place, {}).setdefault(record.domain, []).append(record)
    found = []
    for (attack, target), own in families.items():
        if set(own) != set(DOMAINS):
            continue
        rows = {domain: [outcomes(record) for record in own[domain]] for domain in DOMAINS}
        clips = set.intersection(*({row["id"] for row in part} for parts in rows.values() for part in parts))
        if not clips or not all("feature_l2" in row for part in rows["waveform"] for row in part):
            continue
        keys = {"feature": "l2", "waveform": "feature_l2"}
        least = {domain: least_distances(rows[domain], sorted(clips), keys[domain]) for domain in DOMAINS}
        for radius in RADII:
            shares = {domain: float((least[domain] <= radius).mean()) for domain in DOMAINS}
            intervals = {f"{domain}_ci": wilson(shares[domain], len(clips)) for domain in DOMAINS}
            found.append(DomainComparison(attack, target, len(clips), radius, **shares, **intervals))  # type: ignore[arg-type]
    return found


def least_distances(parts: Sequence[Rows], clips: Sequence[str], key: str) -> Floats:
    """Return how far each clip is moved, at least, where it is fooled; infinite where it is not.

    Args:
        parts: the rows of some cases.
        clips: their ids.
        key: of the distance in a row.
    """
    least = dict.fromkeys(clips, np.inf)
    for row in (row for part in parts for row in part):
        if row["id"] in least and row["predicted_adv"] != row["predicted_clean"]:
            least[row["id"]] = min(least[row["id"]], row[key])
    return np.array([least[clip] for clip in clips])


def table(found: Sequence[DomainComparison]) -> Table:
    """Arrange what was found into a table: a row per distance."""
    rows = [
        [
            *(Cell(name, name) for name in (row.attack, row.target)),
            Cell(number(row.l2, 0), row.l2),
            Cell(str(row.n), row.n),
            Cell(percent(row.feature), row.feature, interval(row.feature_ci)),
            Cell(percent(row.waveform), row.waveform, interval(row.waveform_ci)),
        ]
        for row in found
    ]
    return Table("domains", CAPTION, ["attack", "target"], [("", ("L2", "n", "features %", "waveform %"))], rows, [])
