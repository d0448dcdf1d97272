"""Verdicts on claims, and the published results from which they follow."""

from functools import cache
from pathlib import Path

from staanet.core.run import Run
from staanet.report.results import Results

RESULTS = Path(__file__).resolve().parents[1] / "results"

HOLDS, PARTLY, NOT, UNTESTABLE = "holds", "in part", "does not hold", "untestable here"

Verdict = tuple[str, str]
"""One of the four verdicts, and the figures from which it follows."""


def verdict(supporting: int, cases: int, figures: str) -> Verdict:
    """Return that a claim holds if all cases support it, that it holds in part if some do, or that it does not hold."""
    return (HOLDS if supporting == cases else PARTLY if supporting else NOT), figures


@cache
def published_results(study: str) -> Results | None:
    """Return the published results of a study, or None if it is not published."""
    run = Run(RESULTS / study)
    return Results.read(run) if run.is_published else None
