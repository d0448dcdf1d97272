"""The results of a run as a terminal shows them: the summary, the main tables, and a line for each flag."""

from pathlib import Path

from staanet.core.run import Run, as_run
from staanet.report import summary
from staanet.report.results import Results
from staanet.report.sections import sections_of
from staanet.report.tables import markdown

SHOWN = ("robustness", "published", "transfer")
"""Labels of the tables that are shown, in the order of the page."""
MOST_NAMED = 2
"""Largest number of records that the line of a flag names."""


def lines(run: Run | str | Path) -> list[str]:
    """Return the results of a run as text, one paragraph, table or flag after the other.

    Args:
        run: The run, or its folder.

    Raises:
        StaanetError: The run cannot be read.
    """
    results = Results.read(as_run(run))
    tables = [section.table for section in sections_of(results) if section.table.label in SHOWN]
    sentences = summary.sentences(results)[:2] if results.records else []
    return [
        *([" ".join(sentences) + "\n"] if sentences else []),
        *(markdown(table) for table in tables),
        *results.layout.left_out,
        *(_flag(*flag, count=len(results.records)) for flag in summary.flags(results.records)),
    ]


def _flag(name: str, meaning: str, cases: list[str], *, count: int) -> str:
    """Return a line on a flag: the records that have it, by name if they are few, and its meaning."""
    named = "; ".join(cases) if len(cases) <= MOST_NAMED else f"{len(cases)} of {count} records"
    return f"flag {name} ({named}): {meaning}"
