"""Pooling of folds: figures are computed again from the outcomes of all test clips, each of which counts once."""

import dataclasses
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from staanet.core.errors import StaanetError
from staanet.core.records import Interval, Record, Rows
from staanet.core.signature import signature
from staanet.evaluation.case import figures
from staanet.evaluation.flags import FLAGS, PER_MODEL, raised
from staanet.metrics import Outcome, by_fold

CASE = (
    *(
        "experiment",
        "corpus",
        "subset",
        "source",
        "target",
        "attack",
        "generator",
        "defence",
        "protocol",
        "labels_from",
        "seed",
    ),
    *("budget_epsilon", "budget_snr_db", "budget_sparsity", "labels", "folds_planned"),
)
"""Fields of a record in which the folds of a case agree."""

SET_FIGURES = ("comb_share", "comb_share_model", "seconds_per_clip", "queries", "gradients")
"""Figures of an adversarial set that are means over its clips."""

MEANS = ("one_class_share", "black_box_lead", "zero_gradients", "nonfinite_gradients")
"""Figures of a fold that are averaged over the folds, weighted by clips, instead of computed from all clips."""

ANY = ("randomised", "probabilities", "batch_dependent", "padding_dependent", "training_mode")
"""Signs of a model that a pooled record shows if they were found in any fold."""


def pooled(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[Record]:
    """Return one record per case, in which its folds are pooled, in the order in which the cases first occur.

    The records of a case with only one fold, or with the same fold twice, are returned as they are.

    Args:
        records: Records of any number of cases.
        outcomes: Returns the outcomes of a record, one row per clip.

    Raises:
        StaanetError: If a clip is in the test subset of two folds.
    """
    cases: dict[str, list[Record]] = {}
    for record in records:
        cases.setdefault(signature([getattr(record, name) for name in CASE]), []).append(record)
    result: list[Record] = []
    for group in cases.values():
        complete = len(group) > 1 and None not in (folds := [r.fold for r in group]) and len(set(folds)) == len(folds)
        result += [_one(group, [outcomes(record) for record in group])] if complete else group
    return result


def _one(records: Sequence[Record], rows_of: Sequence[Rows]) -> Record:
    pairs = [(row, record.folds[0]) for record, rows in zip(records, rows_of, strict=True) for row in rows]
    pairs.sort(key=lambda pair: pair[0]["id"])
    rows, folds = [row for row, _ in pairs], [fold for _, fold in pairs]
    for one, following in pairwise(rows):
        if one["id"] == following["id"]:
            raise StaanetError(
                f"expected each clip in the test subset of one fold, got {one['id']!r} in two; run again"
            )
    first, clean = records[0], [record.tree_clean for record in records]
    values = figures(rows, len(first.labels), {name: _mean(records, name) for name in SET_FIGURES})
    values |= {name: _mean(records, name) for name in MEANS} | {name: _any(records, name) for name in ANY}
    values |= {"found_by": _found_by(records), **_fold_intervals(rows, folds, len(first.labels))}
    flagged = _folds_flagged(records)
    flags = {*raised({**vars(first), **values}), *flagged}
    return dataclasses.replace(
        first,
        **{**values, "flags": [name for name in FLAGS if name in flags]},
        folds_flagged=flagged,
        signature=signature([record.signature for record in records]),
        split=signature([record.split for record in records]),
        fold=None,
        folds=tuple(sorted(fold for record in records for fold in record.folds)),
        settings=_shared([record.settings for record in records]),
        versions=_shared([record.versions for record in records]),
        commit=_distinct([record.commit for record in records]),
        tree_clean=None if None in clean else all(clean),
        device=_distinct([record.device for record in records]) or "",
        outcomes_sha256=signature([record.outcomes_sha256 for record in records]),
        pooled=[record.signature for record in records],
    )


def _mean(records: Sequence[Record], name: str) -> float | None:
    """Return the mean of a figure over the clips of the folds that have it."""
    known = [(getattr(record, name), record.n) for record in records if getattr(record, name) is not None]
    return sum(value * n for value, n in known) / sum(n for _, n in known) if known else None


def _any(records: Sequence[Record], name: str) -> bool | None:
    """Return whether a sign was found in any fold, None if it was measured in none."""
    known = [getattr(record, name) for record in records if getattr(record, name) is not None]
    return any(known) if known else None


def _found_by(records: Sequence[Record]) -> dict[str, int] | None:
    """Return the number of clips that each attack of a worst case fooled, None if a record is no worst case."""
    counts = [record.found_by for record in records if record.found_by is not None]
    if len(counts) < len(records):
        return None
    return {name: sum(own.get(name, 0) for own in counts) for name in counts[0]}


def _fold_intervals(rows: Rows, folds: Sequence[int], classes: int) -> dict[str, Interval]:
    """Return the intervals that treat folds as the unit."""
    outcome = Outcome.from_rows(rows, classes)
    return {
        "robust_accuracy_fold_ci": by_fold(outcome.robust.astype(np.float64), folds, low=0.0),
        "asr_fold_ci": by_fold(outcome.fooled.astype(np.float64), folds, low=0.0),
        "asr_excess_fold_ci": by_fold(outcome.fooled - outcome.control, folds, low=-1.0),
    }


def _folds_flagged(records: Sequence[Record]) -> dict[str, list[int]]:
    """Return the folds that raised each flag that belongs to one model, for the flags that any fold raised."""
    folds = {
        name: sorted(record.fold for record in records if name in record.flags and record.fold is not None)
        for name in PER_MODEL
    }
    return {name: raised_in for name, raised_in in folds.items() if raised_in}


def _shared(settings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the settings that are the same in all folds; tables are compared key by key."""
    shared: dict[str, Any] = {}
    for key, value in settings[0].items():
        values = [own[key] for own in settings if key in own]
        if len(values) < len(settings):
            continue
        if all(isinstance(own, dict) for own in values):
            shared[key] = _shared(values)
        elif all(own == value for own in values):
            shared[key] = value
    return shared


def _distinct(values: Sequence[str | None]) -> str | None:
    """Return the distinct values as one text, None if one of them is unknown."""
    return None if None in values else ", ".join(dict.fromkeys(str(value) for value in values))
