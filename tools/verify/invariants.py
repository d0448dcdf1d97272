"""Conditions that the outcomes of every clip and the estimates of every record must meet, whatever the attack."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from verify.checks import Checks
from verify.records import place_of
from verify.study import Row, Study

ULP = 2.0**-23
"""Distance between 1 and the next larger number of single precision, in which samples are computed."""

OTHERWISE = ("randomised", "batch_dependent", "training_mode")
"""Signs of a model that may answer otherwise although nothing changed."""

Condition = Callable[[Row], bool]


def check_invariants(study: Study, checks: Checks) -> None:
    """Check every row of the outcomes and every interval of the records."""
    for record in study.records:
        rows, place = study.rows.get(record["signature"], []), place_of(record)
        for sentence, holds in _conditions(record):
            wrong = [str(row["id"]) for row in rows if not holds(row)]
            names = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
            checks.invariant(place, f"{names}: {sentence}", holds=not wrong, times=len(rows))
        ids = [row["id"] for row in rows]
        checks.invariant(place, "a clip is there twice", holds=len(set(ids)) == len(ids))
        for sentence, inside in _estimates(record):
            checks.invariant(place, sentence, holds=inside)
    _check_clean_answers(study, checks)


def _conditions(record: dict[str, Any]) -> Iterator[tuple[str, Condition]]:
    """Return what holds for every clip, as a sentence on those for which it does not hold."""
    classes = range(len(record["labels"]))
    yield "a class that the model does not have", lambda row: _known_classes(row, classes)
    yield "more samples changed than the clip has", lambda row: 0 <= row["l0"] <= row["length"]
    yield "norms that do not belong to one perturbation", _norms_agree
    yield "a ratio to an unchanged clip, or none to a changed one", _ratio_where_changed
    yield "a margin whose sign contradicts the predictions", _margins_agree
    yield "a confidence outside of [1/K, 1]", lambda row: _confidences(row, len(classes))
    yield "larger than the budget", lambda row: _within_size(row, record)
    yield "more samples changed than the budget allows", lambda row: row["l0"] <= _most_samples(row, record)
    if not any(record.get(sign) for sign in OTHERWISE):
        yield "an unchanged clip that counts as fooled", _unchanged_keeps_class


def _known_classes(row: Row, classes: range) -> bool:
    saved = [row["predicted_saved"]] if "predicted_saved" in row else []
    return all(
        own in classes
        for own in (row["label"], row["predicted_clean"], row["predicted_adv"], *row["predicted_control"], *saved)
    )


def _norms_agree(row: Row) -> bool:
    """Return whether linf <= l2 <= l1 <= l0 linf and l2 <= sqrt(l0) linf, up to rounding."""
    l0, l1, l2, linf = row["l0"], row.get("l1"), row["l2"], row["linf"]
    chain = [linf, l2, *([] if l1 is None else [l1]), l0 * linf]
    ordered = all(one <= other * (1 + 1e-6) for one, other in pairwise(chain))
    return ordered and l2 <= math.sqrt(l0) * linf * (1 + 1e-6) and (l0 > 0) == (linf > 0)


def _ratio_where_changed(row: Row) -> bool:
    ratios = (row["snr_peak_db"], row["snr_energy_db"])
    return (row["l0"] > 0) == (None not in ratios) or (row["l0"] > 0 and ratios == (None, None))


def _margins_agree(row: Row) -> bool:
    """Return whether the class predicted first leads on the clean clip, and on the attacked one if it is not fooled."""
    fooled = row["predicted_adv"] != row["predicted_clean"]
    return bool(row["margin_clean"] >= 0 and (row["margin_adv"] <= 0 if fooled else row["margin_adv"] >= 0))


def _confidences(row: Row, classes: int) -> bool:
    known = [row.get(name) for name in ("confidence_clean", "confidence_adv")]
    return all(value is None or 1 / classes - 1e-6 <= value <= 1 + 1e-6 for value in known)


def _within_size(row: Row, record: dict[str, Any]) -> bool:
    """Return whether the largest change is at most epsilon, up to the rounding of a changed sample.

    An attacked sample has the size of the peak plus that of the change at most, and is rounded to single precision.
    """
    epsilon, ratio, linf = record["budget_epsilon"], record["budget_snr_db"], row["linf"]
    if linf == 0 or (epsilon is None and ratio is None) or row["snr_peak_db"] is None:
        return epsilon is None or linf <= epsilon + ULP
    peak = linf * 10 ** (row["snr_peak_db"] / 20)
    if epsilon is None:
        rounding = ULP * (1 + 10 ** (ratio / 20))  # relative to the largest change
        return bool(row["snr_peak_db"] >= ratio - 20 * math.log10(1 + rounding))
    return bool(linf <= epsilon + ULP * (peak + epsilon))


def _most_samples(row: Row, record: dict[str, Any]) -> int:
    """Return the share of the budget in samples, rounded down; one sample may always change."""
    return max(1, math.floor(record["budget_sparsity"] * row["length"] + 1e-9))


def _unchanged_keeps_class(row: Row) -> bool:
    saved = row.get("predicted_saved", row["predicted_clean"])
    return row["l0"] > 0 or row["predicted_adv"] == row["predicted_clean"] == saved


def _estimates(record: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Return whether each estimate is inside of its intervals, and these inside of the possible values."""
    for name in record:
        if not name.endswith("_ci") or record[name] is None:
            continue
        kind = next(end for end in ("_speaker_ci", "_fold_ci", "_ci") if name.endswith(end))
        estimate, (low, high) = record.get(name.removesuffix(kind)), record[name]
        least = -1.0 if "excess" in name else 0.0
        yield f"{name} does not contain its estimate", estimate is not None and least <= low <= estimate <= high <= 1
        if kind == "_speaker_ci":
            inner = record.get(name.replace("_speaker_ci", "_ci")) or (0.0, 0.0)
            yield f"{name} is narrower than the interval over clips", low <= inner[0] and inner[1] <= high


def _check_clean_answers(study: Study, checks: Checks) -> None:
    """Check that a model has one answer to a clean clip, and a clip one label and speaker, in all records."""
    answers: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for record in study.records:
        rows = study.rows.get(record["signature"], [])
        target = str(record["settings"].get("target", record["target"]))
        model = (target, record["split"], record["domain"], record["protocol"], tuple(record["labels"]))
        source = record["source"] if record["protocol"] == "paper" else ""
        wrong = [
            row["id"]
            for row in rows
            if answers.setdefault((*model, source, row["id"]), _clean(row, record)) != _clean(row, record)
        ]
        sentence = f"{', '.join(map(str, wrong[:3]))}: another clean answer, label or speaker than in an earlier record"
        checks.invariant(place_of(record), sentence, holds=not wrong, times=len(rows))


def _clean(row: Row, record: dict[str, Any]) -> tuple[Any, ...]:
    predicted = None if any(record.get(sign) for sign in OTHERWISE) else row["predicted_clean"]
    return predicted, row["label"], row["speaker"], row["gender"]
