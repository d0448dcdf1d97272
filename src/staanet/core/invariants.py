"""Invariants of records: what holds for every record, whatever the attack and the model.

They are checked when a record is written and when it is read. Everything here follows from the outcomes by counting;
`staanet.evaluation.invariants` computes all other figures again.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.record import Record, Rows

COLUMNS = (
    *("id", "label", "predicted_clean", "predicted_adv", "predicted_control"),
    *("length", "l0", "linf", "margin_adv", "snr_peak_db", "speaker"),
)
"""Columns that the outcomes of every record have; only `snr_peak_db` may be undefined."""

ROUNDING = 2.0**-23
"""Largest relative error of a sum or a difference of two samples in float32, twice over."""

CLASSES = (("label", "clips_by_class"), ("predicted_clean", "predictions_clean"), ("predicted_adv", "predictions_adv"))
"""Columns that hold a class, each with the field of the record that counts them."""

UNSTABLE = ("randomised", "batch_dependent", "padding_dependent", "training_mode")
"""Signs of a model whose decision on a clip need not stay, although the clip is the same."""

ADVICE = "the record or its outcomes were changed after the run; run again"


def check_record(record: Record, rows: Rows, where: str) -> None:
    """Check the invariants of a record and its outcomes.

    - No clip occurs twice, and every class is one of the record's labels.
    - Every clip keeps the budget, up to rounding in float32.
    - An unchanged clip is not fooled, unless the model was found to be random, to depend on the batch or on padding,
      or to be in training mode; a fooled clip has a margin below 0, any other one of 0 or more.
    - Counts, and the rates that follow from them, are those of the outcomes.
    - Every estimate lies inside its interval.

    Args:
        record: The record, of one fold or without folds.
        rows: The outcome of each of its clips.
        where: File or folder of the record, with which error messages begin.

    Raises:
        StaanetError: An invariant does not hold.
    """
    where = named(record, where)
    if not rows:
        raise StaanetError(f"{where}: expected the outcome of one clip or more, got none; {ADVICE}")
    ids: set[Any] = set()
    for row in rows:
        if missing := [name for name in COLUMNS if row.get(name) in (None, []) and name != "snr_peak_db"]:
            raise StaanetError(f"{where}: clip {row.get('id')!r}: expected {missing[0]}, got none; {ADVICE}")
        if row["id"] in ids:
            raise StaanetError(f"{where}: expected every clip once, got {row['id']!r} twice; {ADVICE}")
        ids.add(row["id"])
        _check_clip(record, row, f"{where}: clip {row['id']!r}")
    expect(record, counted(rows, record.labels), where)
    _check_intervals(record, where)


def named(record: Record, where: str) -> str:
    """Return the beginning of an error message about a record."""
    return f"{where}: record {record.signature} of {record.attack}, {record.source} to {record.target}"


def _check_clip(record: Record, row: Mapping[str, Any], where: str) -> None:
    """Check the classes of a clip, its budget, and that it is not fooled without a change."""
    classes = [row[name] for name, _ in CLASSES] + list(row["predicted_control"])
    if wrong := [number for number in classes if not 0 <= number < len(record.labels)]:
        raise StaanetError(f"{where}: expected classes in 0..{len(record.labels) - 1}, got {wrong[0]}; {ADVICE}")
    fooled = row["predicted_adv"] != row["predicted_clean"]
    if row["margin_adv"] > 0 if fooled else row["margin_adv"] < 0:
        side = "below" if fooled else "above"
        raise StaanetError(f"{where}: expected a margin {side} 0 by its decision, got {row['margin_adv']:g}; {ADVICE}")
    if min(row["l0"], row["linf"]) < 0 or (row["l0"] == 0) != (row["linf"] == 0):
        raise StaanetError(
            f"{where}: expected a change of some samples by some amount, or of none, got l0 = {row['l0']} and linf = "
            f"{row['linf']:g}; {ADVICE}"
        )
    samples = max(1, math.floor(record.budget_sparsity * row["length"] + 1e-9))
    if row["l0"] > samples:
        raise StaanetError(
            f"{where}: expected at most {samples} changed samples, the budget's share {record.budget_sparsity:g} of "
            f"{row['length']}, got {row['l0']}; {ADVICE}"
        )
    largest = largest_change(record, row)
    if row["linf"] > largest:
        raise StaanetError(
            f"{where}: expected changes of at most {largest:.8g} by the budget, got {row['linf']:.8g}; {ADVICE}"
        )
    decides_by_clip = not any(getattr(record, sign) for sign in UNSTABLE)
    if row["l0"] == 0 and fooled and decides_by_clip:
        raise StaanetError(
            f"{where}: expected class {row['predicted_clean']} as before, because no sample changed, got "
            f"{row['predicted_adv']}; the model may be random: see the flag `randomised` in docs/flags.md"
        )


def largest_change(record: Record, row: Mapping[str, Any]) -> float:
    """Return the largest change of a sample that the budget allows in a clip, with room for rounding in float32."""
    if record.budget_epsilon is None and record.budget_snr_db is None:
        return math.inf
    peak = 0.0 if row["snr_peak_db"] is None else row["linf"] * 10 ** (row["snr_peak_db"] / 20)
    if record.domain == "waveform":
        peak = min(peak, 1.0)  # full scale
    if record.budget_epsilon is not None:
        epsilon = record.budget_epsilon
    else:
        assert record.budget_snr_db is not None  # noqa: S101
        epsilon = peak * 10 ** (-record.budget_snr_db / 20)
    return float(epsilon + ROUNDING * (peak + epsilon))


def counted(rows: Rows, labels: Sequence[str]) -> dict[str, Any]:
    """Return the figures of a record that follow from its outcomes by counting.

    Args:
        rows: The outcome of each clip, one clip or more.
        labels: Names of the classes.
    """
    n = len(rows)
    correct = [row for row in rows if row["predicted_clean"] == row["label"]]
    fooled = [row["predicted_adv"] != row["predicted_clean"] for row in rows]
    robust = sum(row["predicted_adv"] == row["label"] for row in correct)
    control = fmean(fmean(drawn != row["predicted_clean"] for drawn in row["predicted_control"]) for row in rows)
    classes = {
        field: [sum(row[column] == number for row in rows) for number in range(len(labels))]
        for column, field in CLASSES
    }
    return {
        "n": n,
        "n_correct": len(correct),
        "n_robust": robust,
        "n_fooled": sum(fooled),
        "n_unchanged": sum(row["l0"] == 0 for row in rows),
        "speakers": len({row["speaker"] for row in rows}),
        **classes,
        "robust_accuracy": robust / n,
        "chance": 1 / len(labels),
        "asr": sum(fooled) / n,
        "asr_correct": (len(correct) - robust) / len(correct) if correct else None,
        "asr_control": control,
        "asr_excess": sum(fooled) / n - control,
        "accuracy_clean": len(correct) / n,
        "accuracy_adv": sum(row["predicted_adv"] == row["label"] for row in rows) / n,
        "one_class_share": max(classes["predictions_adv"]) / n,
    }


def expect(record: Record, figures: Mapping[str, Any], where: str, room: float = 1e-12) -> None:
    """Check that a record holds the figures that were computed again from its outcomes.

    Args:
        record: The record.
        figures: Values by the name of their field.
        where: The record as `named` names it, with which error messages begin.
        room: Largest absolute difference of two numbers that counts as rounding.

    Raises:
        StaanetError: A figure differs by more than rounding.
    """
    for name, value in figures.items():
        held = getattr(record, name)
        if not _agree(held, value, room):
            raise StaanetError(
                f"{where}: expected {name} = {value}, as computed from its outcomes, got {held}; {ADVICE}"
            )


def _agree(held: Any, computed: Any, room: float) -> bool:
    """Return whether two figures agree up to rounding; lists are compared entry by entry."""
    if isinstance(held, list | tuple) and isinstance(computed, list | tuple):
        return len(held) == len(computed) and all(
            _agree(one, other, room) for one, other in zip(held, computed, strict=True)
        )
    if isinstance(held, float) and isinstance(computed, float):
        return math.isclose(held, computed, rel_tol=1e-9, abs_tol=room)
    return bool(held == computed)


def _check_intervals(record: Record, where: str) -> None:
    """Check that every interval contains its estimate, or is undefined with it."""
    for field in dataclasses.fields(record):
        if not field.name.endswith("_ci"):
            continue
        interval = getattr(record, field.name)
        name = field.name.removesuffix("_ci").removesuffix("_speaker").removesuffix("_fold")
        estimate = getattr(record, name)
        if interval is None and (estimate is None or field.default is None):
            continue
        if interval is None or estimate is None or not interval[0] - 1e-12 <= estimate <= interval[1] + 1e-12:
            raise StaanetError(f"{where}: expected {field.name} around {name} = {estimate}, got {interval}; {ADVICE}")
