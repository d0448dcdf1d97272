"""The book of a verification: how much was checked, what differs, and what could not be checked."""

import math
from collections import Counter
from typing import Any

TOLERANCE = 1e-9
"""Largest difference, relative to values above 1, that counts as the same number computed in another order."""


class Checks:
    """Counts what was checked in a study, and lists what differs.

    Args:
        study: Name of the study, with which every sentence begins.
    """

    def __init__(self, study: str) -> None:
        self.study = study
        self.counts: Counter[str] = Counter()
        self.differences: list[str] = []
        self.unchecked: dict[str, None] = {}

    def figure(self, place: str, name: str, published: Any, computed: Any) -> None:
        """Compare a published figure with the one that was computed again."""
        self.counts["figures"] += 1
        if not same(published, computed):
            self.differ(f"{place}: {name} is {shown(published)}, computed again it is {shown(computed)}")

    def cell(self, place: str, published: str, computed: str, holds: bool) -> None:
        """Count a cell or a number of a sentence, and whether it agrees with what was computed again."""
        self.counts["cells"] += 1
        if not holds:
            self.differ(f"{place} shows {published!r}, computed again it is {computed}")

    def invariant(self, place: str, sentence: str, *, holds: bool, times: int = 1) -> None:
        """Count a condition that must hold, which was checked a number of times."""
        self.counts["invariants"] += times
        if not holds:
            self.differ(f"{place}: {sentence}")

    def differ(self, sentence: str) -> None:
        """Note something that differs."""
        self.differences.append(f"{self.study}: {sentence}")

    def could_not(self, sentence: str) -> None:
        """Note something published that this package has no way to compute."""
        self.unchecked.setdefault(sentence)


def same(one: Any, other: Any) -> bool:
    """Return whether two figures, lists of figures or tables of figures are the same up to rounding."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, bool) or isinstance(other, bool) or not _numbers(one, other):
        return type(one) is type(other) and bool(one == other)
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)


def shown(value: Any) -> str:
    """Return a figure as text, with as many digits as help a reader."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
