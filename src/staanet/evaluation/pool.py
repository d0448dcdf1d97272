"""Pooling of folds: figures are computed again from the outcomes of all test clips, each of which counts once."""

import dataclasses
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.records import Record, Rows
from staanet.core.signature import signature
from staanet.evaluation.case import figures

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
        result += [_one(group, [row for r in group for row in outcomes(r)])] if complete else group
    return result


def _one(records: Sequence[Record], rows: Rows) -> Record:
    rows = sorted(rows, key=lambda row: row["id"])
    for one, following in pairwise(rows):
        if one["id"] == following["id"]:
            raise StaanetError(
                f"expected each clip in the test subset of one fold, got {one['id']!r} in two; run again"
            )
    first, clean = records[0], [record.tree_clean for record in records]
    known = {name: _mean(records, name) for name in SET_FIGURES}
    return dataclasses.replace(
        first,
        **figures(rows, len(first.labels), known | _of_worst_cases(records)),
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


def _of_worst_cases(records: Sequence[Record]) -> dict[str, Any]:
    """Return the figures that only worst cases have: sums of counts, means of shares, and signs of any fold."""
    counts = [record.found_by for record in records if record.found_by is not None]
    if len(counts) < len(records):
        return {}
    values = {
        "found_by": {name: sum(own.get(name, 0) for own in counts) for name in counts[0]},
        **{name: _mean(records, name) for name in ("black_box_lead", "zero_gradients")},
        **{name: any(getattr(record, name) for record in records) for name in ("randomised", "probabilities")},
    }
    return {name: value for name, value in values.items() if value is not None}


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
