"""Rows of the tables that compare two attacks clip by clip."""

from itertools import combinations
from typing import Any

import numpy as np

from verify.cases import Case
from verify.formulae import Array, beyond_clips, detectable, holm, mcnemar, paired
from verify.rows_of_records import NO_SOURCE, bounds_only, budget_text, by_fold, same_conditions
from verify.study import Study
from verify.tables import Expected, Table, Value, distinct, percent

CONDITIONS = (
    *("corpus", "split", "protocol", "defence", "target", "domain"),
    *("budget_epsilon", "budget_snr_db", "budget_sparsity"),
)
"""Fields in which two cases must agree to be compared."""

MARGIN = 0.05


def comparisons(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return the first attack of each source, target and budget compared with all others."""
    del study, table
    firsts: dict[tuple[str, ...], Case] = {}
    for case in cases:
        if case.names["source"] != NO_SOURCE:
            firsts.setdefault((*same_conditions(case, CONDITIONS), case.names["source"]), case)
    return [
        _row(first, other)
        for first in firsts.values()
        for other in cases
        if other is not first
        and same_conditions(other, CONDITIONS) == same_conditions(first, CONDITIONS)
        and other.names["source"] in (first.names["source"], NO_SOURCE)
    ]


def pairwise(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return all pairs of the attacks that the experiment names, with p-values corrected per target."""
    del table
    chosen, rows = study.layout["pairwise"], []
    for target in distinct(case.names["target"] for case in cases):
        white_box = {
            case.names["attack"]: case for case in cases if case.names["source"] == case.names["target"] == target
        }
        pairs = list(combinations([white_box[name] for name in chosen if name in white_box], 2))
        found = [_row(*pair) for pair in pairs]
        corrected = holm([row.values["ASR p"].value for row in found])
        for row, p in zip(found, corrected, strict=True):
            names = {name: row.names[name] for name in ("attack", "against", "target")}
            rows.append(Expected(names, {**row.values, "ASR p, Holm": Value(p, p_value=True)}))
    return rows


def _row(first: Case, other: Case) -> Expected:
    clips, asr, robust = differences(first, other)
    by_speaker, folds = speaker_interval(robust, first, clips), by_fold(robust, first, clips, -1.0)
    names = {
        "attack": first.names["attack"],
        "against": other.names["attack"],
        "source": first.names["source"],
        "target": first.names["target"],
        "budget": budget_text(first),
    }
    values = {
        "n": Value(len(clips)),
        "robust accuracy difference": percent(float(robust.mean()), by_speaker),
        "robust accuracy by fold": bounds_only(folds),
        "robust accuracy verdict": Value(_verdict(by_speaker, folds)),
        "ASR difference": percent(float(asr.mean()), speaker_interval(asr, first, clips)),
        "ASR by fold": bounds_only(by_fold(asr, first, clips, -1.0)),
        "ASR p": Value(mcnemar(asr), p_value=True),
        "ASR detectable": percent(detectable(asr)),
    }
    return Expected(names, values)


def differences(first: Case, other: Case) -> tuple[list[str], Array, Array]:
    """Return the clips that two attacks share, and first minus other: clips fooled, and clips that stay correct."""
    others = {row["id"]: row for row in other.rows}
    pairs = [(row, others[row["id"]]) for row in first.stored_rows if row["id"] in others]
    return (
        [row["id"] for row, _ in pairs],
        np.array([_fooled(one) - _fooled(two) for one, two in pairs], float),
        np.array([_robust(one) - _robust(two) for one, two in pairs], float),
    )


def _fooled(row: dict[str, Any]) -> int:
    return int(row["predicted_adv"] != row["predicted_clean"])


def _robust(row: dict[str, Any]) -> int:
    return int(row["label"] == row["predicted_clean"] == row["predicted_adv"])


def speaker_interval(values: Array, case: Case, clips: list[str]) -> tuple[float, float]:
    """Return the interval of a mean difference that allows for correlation between the clips of a speaker."""
    rows = {row["id"]: row for row in case.rows}
    label = np.array([rows[clip]["label"] for clip in clips])
    speaker = np.array([rows[clip]["speaker"] for clip in clips])
    return beyond_clips(values, label, speaker, paired(values), -1.0)


def _verdict(by_speaker: tuple[float, float], folds: tuple[float, float] | None) -> str:
    """Return the verdict that both intervals of a difference support; that of a single training is on its model."""
    if folds is None:
        low, high = by_speaker
        here = "stronger" if high < 0 else "weaker" if low > 0 else ""
        return f"{here} on this model" if here else "undecided"
    low, high = min(by_speaker[0], folds[0]), max(by_speaker[1], folds[1])
    if high < 0:
        return "stronger"
    if low > 0:
        return "weaker"
    return "not inferior" if high < MARGIN else "undecided"
