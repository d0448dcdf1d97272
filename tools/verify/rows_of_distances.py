"""Rows of the tables that show how many clips attacks fool within a distance."""

from typing import Any

import numpy as np

from verify.cases import Case
from verify.formulae import Array, wilson
from verify.rows_of_records import NO_SOURCE
from verify.study import Study
from verify.tables import Expected, Table, Value, percent

RADII = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Distances in feature space that the table of domains has."""


def domains(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return, for each attack on features and on waveforms, the clips fooled within each distance of the table."""
    del study, table
    attacks: dict[tuple[str, str], dict[str, list[Case]]] = {}
    for case in cases:
        white_box = case.names["source"] == case.names["target"]
        if white_box and case.attack and case.names["labels_from"] == "predictions":
            own = attacks.setdefault((case.attack, case.names["target"]), {})
            own.setdefault(case.names["domain"], []).append(case)
    rows = []
    for (attack, target), by_domain in attacks.items():
        if set(by_domain) != {"feature", "waveform"}:
            continue
        clips = _shared([case for own in by_domain.values() for case in own])
        if not clips or not all("feature_l2" in row for case in by_domain["waveform"] for row in case.rows):
            continue
        nearest = {
            "features": _nearest(by_domain["feature"], clips, "l2"),
            "waveform": _nearest(by_domain["waveform"], clips, "feature_l2"),
        }
        right = {row["id"] for row in by_domain["feature"][0].rows if row["predicted_clean"] == row["label"]}
        correct = np.array([clip in right for clip in clips])
        for radius in RADII:
            values = {"n": Value(len(clips))}
            for domain, distance in nearest.items():
                values[f"robust accuracy {domain}"] = _share(correct & (distance > radius))
                values[f"ASR {domain}"] = _share(distance <= radius)
            rows.append(Expected({"attack": attack, "target": target, "L2": f"{radius:g}"}, values))
    return rows


def equal_distortion(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return, for each attack and model, the clips that stay correct within each log-mel distance of the table."""
    del study
    radii = {heading: float(heading.removesuffix(" dB")) for heading in table.headings if heading.endswith(" dB")}
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        own_source = case.names["source"] in (case.names["target"], NO_SOURCE)
        if own_source and case.attack and case.names["domain"] == "waveform":
            groups.setdefault((case.attack, case.names["target"]), []).append(case)
    own_cases = [case for group in groups.values() for case in group]
    right = [{row["id"] for row in case.rows if row["predicted_clean"] == row["label"]} for case in own_cases]
    clips = sorted(set.intersection(*right)) if right else []
    rows = []
    for (attack, model), group in groups.items():
        nearest = _nearest(group, clips, "log_mel_l2")
        values = {heading: _share(nearest > radius) for heading, radius in radii.items()}
        values |= {"UAR %": percent(group[0].figures["uar_clean"]), "n": Value(len(clips))}
        rows.append(Expected({"attack": attack, "model": model}, values))
    return rows


def _shared(cases: list[Case]) -> list[str]:
    return sorted(set.intersection(*({row["id"] for row in case.rows} for case in cases)))


def _nearest(cases: list[Case], clips: list[str], key: str) -> Array:
    """Return the smallest distance at which any of the cases fools each clip; infinity if none does."""
    found: dict[str, list[Any]] = {clip: [np.inf] for clip in clips}
    for row in (row for case in cases for row in case.rows):
        if row["id"] in found and row["predicted_adv"] != row["predicted_clean"]:
            found[row["id"]].append(row[key])
    return np.array([min(found[clip]) for clip in clips])


def _share(hits: Array) -> Value:
    return percent(float(hits.mean()), wilson(float(hits.mean()), len(hits)))
