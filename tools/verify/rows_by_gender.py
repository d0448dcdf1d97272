"""Rows of the tables that separate clips of male and of female speakers."""

from functools import cache
from typing import Any

import numpy as np

from verify.cases import Case
from verify.figures import Clips, figures
from verify.formulae import Array, between_speakers, holm, wilson
from verify.rows_of_records import names_of
from verify.study import Row, Study
from verify.tables import Expected, Table, Value, distinct, percent

NAMES = ("attack", "domain", "source", "target", "corpus", "labels from")


@cache
def by_gender(case: Case) -> dict[str, dict[str, Any]]:
    """Return the figures of all clips of a case, and of those of each gender."""
    genders = sorted({row["gender"] for row in case.rows if row["gender"]}, reverse=True)
    parts = {"all": case.rows, **{one: [row for row in case.rows if row["gender"] == one] for one in genders}}
    seconds = case.figures["seconds_per_clip"]
    return {
        name: {
            **figures(Clips(rows, case.clips.classes)),
            "accuracy_adv_ci": wilson(_accuracy(rows), len(rows)),
            "seconds_per_clip": seconds if name == "all" else None,
        }
        for name, rows in parts.items()
    }


def _accuracy(rows: list[Row]) -> float:
    return float(np.mean([row["predicted_adv"] == row["label"] for row in rows]))


def gender(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return a row per case and gender."""
    del study, table
    return [
        Expected({**{name: names_of(case)[name] for name in NAMES}, "gender": name}, _values(own))
        for case in cases
        for name, own in by_gender(case).items()
    ]


def _values(own: dict[str, Any]) -> dict[str, Value]:
    return {
        "n": Value(own["n"]),
        "clean %": percent(own["accuracy_clean"], own["accuracy_clean_ci"]),
        "attacked %": percent(own["accuracy_adv"], own["accuracy_adv_ci"]),
        "robust accuracy %": percent(own["robust_accuracy"], own["robust_accuracy_ci"]),
        "robust UAR %": percent(own["robust_uar"]),
        "ASR %": percent(own["asr"], own["asr_ci"]),
        "ASR among recognised %": percent(own["asr_correct"], own["asr_correct_ci"]),
        "L0": Value(own["l0"]),
        "L1": Value(own["l1"]),
        "L2": Value(own["l2"]),
        "Linf": Value(own["linf"]),
        "mean change": Value(own["mean_change"]),
        "confidence": Value(own["confidence_adv"]),
        "s per clip": Value(own["seconds_per_clip"]),
    }


MEASURES = {
    "accuracy": lambda row: float(row["predicted_adv"] == row["label"]),
    "robust accuracy": lambda row: float(row["predicted_adv"] == row["label"] == row["predicted_clean"]),
    "ASR among recognised": lambda row: (
        float(row["predicted_adv"] != row["label"]) if row["predicted_clean"] == row["label"] else None
    ),
}
"""What is compared between the genders, per clip; None for clips that do not count."""


def between_genders(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return male minus female under each attack, with p-values corrected for all attacks on a target."""
    del study, table
    both = [case for case in cases if len({row["gender"] for row in case.rows if row["gender"]}) == 2]
    rows = []
    for target in distinct(case.names["target"] for case in both):
        own = [case for case in both if case.names["target"] == target]
        columns: list[dict[str, Value]] = [{} for _ in own]
        for measure, hit in MEASURES.items():
            contrasts = [_contrast(case, hit) for case in own]
            corrected = iter(holm([p for _, p in contrasts if p is not None]))
            for values, (gap, p) in zip(columns, contrasts, strict=True):
                values[f"{measure} male − female"] = percent(gap)
                values[f"{measure} p"] = Value(p, p_value=True)
                values[f"{measure} p, Holm"] = Value(None if p is None else next(corrected), p_value=True)
        rows += [
            Expected({name: names_of(case)[name] for name in NAMES}, values)
            for case, values in zip(own, columns, strict=True)
        ]
    return rows


def _contrast(case: Case, hit: Any) -> tuple[float | None, float | None]:
    values, speakers, genders = _counted(case, hit)
    sides = [values[genders == side] for side in ("male", "female")]
    if not all(map(len, sides)):
        return None, None
    return float(sides[0].mean() - sides[1].mean()), between_speakers(values, speakers, genders)


def _counted(case: Case, hit: Any) -> tuple[Array, Array, Array]:
    rows = [row for row in case.rows if hit(row) is not None]
    return (
        np.array([hit(row) for row in rows]),
        np.array([row["speaker"] for row in rows]),
        np.array([row["gender"] for row in rows]),
    )
