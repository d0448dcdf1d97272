"""Attacks on features compared with attacks on waveforms, at the same distance in the model's feature space."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from staanet.core.records import Interval, Record, Rows
from staanet.metrics import wilson
from staanet.metrics.outcome import Floats
from staanet.report.captions import chance
from staanet.report.cells import count_cell, number_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.tables import Section, Table

DOMAINS = ("feature", "waveform")
RADII = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Distances in feature space at which the domains are compared, in standard deviations of a feature."""

CAPTION = (
    "The same attack on features and on the waveform, at an L2 distance of at most the given value between adversarial "
    "and clean features, in standard deviations of a feature: the share of clips, in %, that are classified correctly "
    "before the attack and under every setting of it at this distance (robust accuracy), and that at least one setting "
    "fools (ASR). The features of adversarial waveforms are computed with the model's front end. {chance} 95 % "
    "confidence intervals over clips. Adversarial features need not be the features of any waveform."
)
GROUPS: list[tuple[str, tuple[str, ...]]] = [
    ("", ("L2", "n")),
    ("robust accuracy", ("features", "waveform")),
    ("ASR", ("features", "waveform")),
]


@dataclass(frozen=True)
class DomainComparison:
    """Shares of clips that stay correct (`_robust`) and that are fooled, by domain, within a distance of features."""

    attack: str
    target: str
    n: int
    l2: float
    feature_robust: float
    feature_robust_ci: Interval
    waveform_robust: float
    waveform_robust_ci: Interval
    feature: float
    feature_ci: Interval
    waveform: float
    waveform_ci: Interval


FIELDS = tuple(field.name for field in dataclasses.fields(DomainComparison))


def section(results: Results) -> Section | None:
    """Return the section, or None if no attack was run in both domains."""
    rows = compare_domains(results.records, results.outcomes)
    return Section("Features and waveform", table(rows, results.records), rows, FIELDS) if rows else None


def compare_domains(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[DomainComparison]:
    """Compare both domains for each white-box attack that was run in both, at each distance.

    Only clips on which all settings of the attack were run are counted. A clip is fooled within a distance if any of
    these settings fools it at that distance or a smaller one.

    Args:
        records: Pooled records.
        outcomes: Function that returns the per-clip outcomes of a record.
    """
    attacks: dict[tuple[str, str], dict[str, list[Record]]] = {}
    for record in records:
        if record.source == record.target and "attack" in record.settings and record.labels_from == "predictions":
            place = (record.settings["attack"]["name"], record.target)
            attacks.setdefault(place, {}).setdefault(record.domain, []).append(record)
    comparisons = []
    for (attack, target), by_domain in attacks.items():
        if set(by_domain) != set(DOMAINS):
            continue
        rows = {domain: [outcomes(record) for record in by_domain[domain]] for domain in DOMAINS}
        clips = set.intersection(*({row["id"] for row in part} for parts in rows.values() for part in parts))
        if not clips or not all("feature_l2" in row for part in rows["waveform"] for row in part):
            continue
        keys = {"feature": "l2", "waveform": "feature_l2"}
        least = {domain: least_distances(rows[domain], sorted(clips), keys[domain]) for domain in DOMAINS}
        known = {row["id"]: row["predicted_clean"] == row["label"] for row in rows["feature"][0]}
        correct = np.array([known[clip] for clip in sorted(clips)])
        for radius in RADII:
            shares: dict[str, Any] = {}
            for domain in DOMAINS:
                shares[f"{domain}_robust"] = float((correct & (least[domain] > radius)).mean())
                shares[domain] = float((least[domain] <= radius).mean())
            shares |= {f"{name}_ci": wilson(share, len(clips)) for name, share in shares.items()}
            comparisons.append(DomainComparison(attack, target, len(clips), radius, **shares))
    return comparisons


def least_distances(parts: Sequence[Rows], clips: Sequence[str], key: str) -> Floats:
    """Return, for each clip, the smallest distance at which it is fooled; infinity if it is never fooled.

    Args:
        parts: The outcomes of several records.
        clips: Ids of the clips.
        key: Key of the distance in a row.
    """
    least = dict.fromkeys(clips, np.inf)
    for row in (row for part in parts for row in part):
        if row["id"] in least and row["predicted_adv"] != row["predicted_clean"]:
            least[row["id"]] = min(least[row["id"]], row[key])
    return np.array([least[clip] for clip in clips])


def table(rows: Sequence[DomainComparison], records: Sequence[Record]) -> Table:
    """Return the table, with a row per attack, target and distance.

    Args:
        rows: The results.
        records: The records from which they were computed.
    """
    cells = [
        [
            *map(text_cell, (row.attack, row.target)),
            number_cell(row.l2, 0),
            count_cell(row.n),
            percent_cell(row.feature_robust, row.feature_robust_ci),
            percent_cell(row.waveform_robust, row.waveform_robust_ci),
            percent_cell(row.feature, row.feature_ci),
            percent_cell(row.waveform, row.waveform_ci),
        ]
        for row in rows
    ]
    return Table("domains", CAPTION.format(chance=chance(records)), ["attack", "target"], GROUPS, cells)
