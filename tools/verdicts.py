"""Verdicts on claims, and the published results from which they follow."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from staanet.core.run import Run
from staanet.report.results import Results

RESULTS = Path(__file__).resolve().parents[1] / "results"

HOLDS, PARTLY, NOT, UNDECIDED, UNTESTABLE = "holds", "in part", "does not hold", "undecided", "untestable here"

Verdict = tuple[str, str]
"""One of the five verdicts, and the figures from which it follows."""


def verdict(supporting: int, cases: int, figures: str) -> Verdict:
    """Return that a claim holds if all cases support it, that it holds in part if some do, or that it does not hold."""
    return (HOLDS if supporting == cases else PARTLY if supporting else NOT), figures


def from_signs(signs: Iterable[int]) -> str:
    """Return the verdict on a claim about all of several differences, each of which can be undecided.

    Args:
        signs: For each difference 1 if it supports the claim, -1 if it contradicts it, 0 if its interval includes 0.

    >>> [from_signs(signs) for signs in ((1, 1), (1, 0), (1, 0, -1), (0, -1))]
    ['holds', 'undecided', 'in part', 'does not hold']
    """
    seen = set(signs)
    if -1 in seen:
        return PARTLY if 1 in seen else NOT
    return HOLDS if seen == {1} else UNDECIDED


@cache
def published_results(study: str) -> Results | None:
    """Return the published results of a study, or None if it is not published."""
    run = Run(RESULTS / study)
    return Results.read(run) if run.is_published else None
