"""Folds become one: every clip of the test parts counted once, in figures computed anew from the outcomes."""

import dataclasses
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.records import Record
from staanet.core.signature import signature
from staanet.evaluation.case import Rows, figures

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
"""The fields in which the folds of a case agree."""

MADE = ("comb_share", "comb_share_model", "seconds_per_clip", "queries", "gradients")
"""What is known of each fold's adversarial set as a mean over its clips."""


def pooled(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[Record]:
    """Return a record per case: the folds of each pooled, in the order in which the cases first come.

    A case that has one fold only, or a fold twice, stays as it is.

    Args:
        records: of any number of cases.
        outcomes: returns the rows of a record.

    Raises:
        StaanetError: a clip in the test part of two folds.
    """
    cases: dict[str, list[Record]] = {}
    for record in records:
        cases.setdefault(signature([getattr(record, name) for name in CASE]), []).append(record)
    result: list[Record] = []
    for group in cases.values():
        whole = len(group) > 1 and None not in (folds := [r.fold for r in group]) and len(set(folds)) == len(folds)
        result += [_one(group, [row for r in group for row in outcomes(r)])] if whole else group
    return result


def _one(parts: Sequence[Record], rows: Rows) -> Record:
    rows = sorted(rows, key=lambda row: row["id"])
    for one, following in pairwise(rows):
        if one["id"] == following["id"]:
            raise StaanetError(f"expected each clip in the test part of one fold, got {one['id']!r} in two; run again")
    first = parts[0]
    made = {name: _mean(parts, name) for name in MADE}
    return dataclasses.replace(
        first,
        **figures(rows, len(first.labels), made | _of_worst_cases(parts)),
        signature=signature([part.signature for part in parts]),
        split=signature([part.split for part in parts]),
        fold=None,
        folds=tuple(sorted(fold for part in parts for fold in part.folds)),
        settings=_shared([part.settings for part in parts]),
        versions=_shared([part.versions for part in parts]),
        commit=_said([part.commit for part in parts]),
        tree_clean=None if any(part.tree_clean is None for part in parts) else all(part.tree_clean for part in parts),
        device=_said([part.device for part in parts]) or "",
        outcomes_sha256=signature([part.outcomes_sha256 for part in parts]),
        pooled=[part.signature for part in parts],
    )


def _mean(parts: Sequence[Record], name: str) -> float | None:
    """Return the mean over the clips of the parts that have the figure."""
    known = [(getattr(part, name), part.n) for part in parts if getattr(part, name) is not None]
    return sum(value * n for value, n in known) / sum(n for _, n in known) if known else None


def _of_worst_cases(parts: Sequence[Record]) -> dict[str, Any]:
    """Return what only worst cases have: counts added up, shares as means over clips, a sign where any fold has it."""
    counts = [part.found_by for part in parts if part.found_by is not None]
    if len(counts) < len(parts):
        return {}
    values = {
        "found_by": {name: sum(own.get(name, 0) for own in counts) for name in counts[0]},
        **{name: _mean(parts, name) for name in ("black_box_lead", "zero_gradients")},
        **{name: any(getattr(part, name) for part in parts) for name in ("randomised", "probabilities")},
    }
    return {name: value for name, value in values.items() if value is not None}


def _shared(settings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what the settings have in common, tables key by key."""
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


def _said(values: Sequence[str | None]) -> str | None:
    """Return the different values in one text, None where one is not known."""
    return None if None in values else ", ".join(dict.fromkeys(str(value) for value in values))
