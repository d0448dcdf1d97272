"""The verdict of an evaluation on thresholds that the user states: pass, fail or undecided."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np

from staanet.assessment.measurement import Row
from staanet.assessment.recall import uar_with_interval
from staanet.assessment.result import Evaluation, Interval, interval, robust
from staanet.assessment.settings import Curves
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.markup import shown
from staanet.core.settings import read_toml, validated

MEASURES = ("accuracy_clean", "accuracy_robust", "accuracy_noise", "uar_clean", "uar_robust", "uar_noise")
"""What a threshold can be about."""

LEVEL = 0.05
"""Probability that the interval of any threshold misses its value."""


@dataclass(frozen=True)
class Threshold:
    """A smallest value that the user demands.

    Args:
        measure: One of `MEASURES`: accuracy or UAR, clean, robust or under noise.
        least: The smallest value, a share.
        snr_db: The budget at which it must hold, a peak SNR of the curve in dB; None for the reference budget.
        reason: Why, in the words of the user.
    """

    measure: str
    least: float
    snr_db: float | None = None
    reason: str = ""

    @property
    def key(self) -> str:
        """The threshold's name, as on the command line."""
        return self.measure if self.snr_db is None else f"{self.measure}@{self.snr_db:g}"


@dataclass(frozen=True)
class Line:
    """The result of a threshold.

    Args:
        key: Name of the threshold.
        least: The smallest value that the user demands.
        value: The measured value.
        ci: Its interval, at 95 % for all thresholds together.
        result: `pass` if the interval is above the threshold, `fail` if it is below, else `undecided`.
        reason: Why the user demands it.
    """

    key: str
    least: float
    value: float
    ci: Interval
    result: Literal["pass", "fail", "undecided"]
    reason: str


def parsed(words: Sequence[str], file: Path | None, curves: Curves) -> list[Threshold]:
    """Return the thresholds of the command line (`accuracy_robust=0.5`, `accuracy_robust@60=0.3`) and of a file.

    The file is a TOML table of tables: `[accuracy_robust]` or `["accuracy_robust@60"]` with `least` and `reason`.

    Raises:
        StaanetError: If a key or a budget is unknown, or a value is no share.
    """
    found: list[Threshold] = []
    for word in words:
        key, separator, value = word.partition("=")
        if not separator:
            raise StaanetError(f"expected KEY=VALUE, such as accuracy_robust=0.5, got {word!r}")
        found.append(_threshold(key, value, "", curves))
    for key, table in (read_toml(file) if file is not None else {}).items():
        if not isinstance(table, Mapping) or not table.get("reason") or set(table) != {"least", "reason"}:
            raise StaanetError(f"{file}: expected least and reason in the table {key}, got {table!r}")
        demand = validated(_Demand, table, f"{file}: {key}")
        found.append(_threshold(key, demand.least, demand.reason, curves))
    counts = Counter((threshold.measure, threshold.snr_db) for threshold in found)
    for threshold in found:
        if counts[threshold.measure, threshold.snr_db] > 1:
            raise StaanetError(f"threshold {threshold.key}: expected each threshold once, got it again; remove one")
    return found


@dataclass(frozen=True)
class _Demand:
    """The table of a threshold in a file."""

    least: float
    reason: str


def _threshold(key: str, least_value: str | float, reason: str, curves: Curves) -> Threshold:
    measure, at, snr = key.partition("@")
    if measure not in MEASURES:
        raise unknown_name("threshold", measure, MEASURES)
    try:
        least, budget = float(least_value), float(snr) if at else None
    except ValueError:
        raise StaanetError(f"threshold {key}: expected numbers, got {least_value!r} at {snr!r}") from None
    if not 0 <= least <= 1:
        raise StaanetError(f"threshold {key}: expected a share in 0..1, got {least:g}; it is no percentage")
    if budget is not None and budget not in curves.dense:
        known = ", ".join(f"{value:g}" for value in curves.dense)
        raise StaanetError(f"threshold {key}: expected a budget of the curve ({known} dB), got {budget:g}")
    return Threshold(measure, least, budget, reason)


def judged(thresholds: Sequence[Threshold], rows: Sequence[Row], curves: Curves) -> list[Line]:
    """Return the result of every threshold; intervals are widened by Bonferroni's correction for their number."""
    lines = []
    for threshold in thresholds:
        number = curves.dense.index(curves.reference_db if threshold.snr_db is None else threshold.snr_db)
        kind, _, state = threshold.measure.partition("_")
        values = _values(rows, state, number)
        level = 1 - LEVEL / len(thresholds)
        if kind == "uar":
            value, (low, high) = uar_with_interval(values, rows, level)
        else:
            value, (low, high) = float(values.mean()), interval(values, rows, level)
        result: Literal["pass", "fail", "undecided"] = "undecided"
        if low >= threshold.least:
            result = "pass"
        elif high < threshold.least:
            result = "fail"
        lines.append(Line(threshold.key, threshold.least, value, (low, high), result, threshold.reason))
    return lines


def _values(rows: Sequence[Row], state: str, number: int) -> Any:
    """Return 1 for each clip that is right in a state (clean, robust or noise) at a budget, else 0, `[N]`."""
    if state == "clean":
        return np.array([row.right for row in rows], dtype=np.float64)
    if state == "noise":
        return np.array([row.dense.noise[number] for row in rows], dtype=np.float64)
    return robust(rows, "dense", number)


def junit(found: Evaluation) -> str:
    """Return the verdict as JUnit XML, one test case per threshold; an undecided one is skipped."""
    lines: Sequence[Line] = found.verdict
    suite = ElementTree.Element(
        "testsuite",
        name=f"staanet evaluate {shown(found.model)}",
        tests=str(len(lines)),
        failures=str(sum(line.result == "fail" for line in lines)),
        skipped=str(sum(line.result == "undecided" for line in lines)),
    )
    for line in lines:
        case = ElementTree.SubElement(suite, "testcase", name=line.key, classname=shown(found.model))
        if line.result != "pass":
            tag = "failure" if line.result == "fail" else "skipped"
            text = f"expected {line.least:g} or more, got {line.value:.3f} [{line.ci[0]:.3f}, {line.ci[1]:.3f}]"
            ElementTree.SubElement(case, tag, message=text)
    return ElementTree.tostring(suite, encoding="unicode")
