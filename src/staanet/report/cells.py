"""Cells of the report's tables, each with the text that is shown and the value by which its column is sorted."""

from dataclasses import dataclass

from staanet.core.records import Interval
from staanet.report.wording import as_text, interval, number, p_value, percent

UNDEFINED = "–"
"""Text of a cell whose value is undefined."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Args:
        text: What is shown.
        value: The value by which the page sorts the column; None sorts last.
        interval: Confidence interval as text; empty for none.
        note: Number of the note under the table that explains the cell, counted from 1.
        mark: A word that sets the cell apart, such as `white-box`. The page shows the word; Markdown and LaTeX show a
            dagger, which the caption of the table explains.
        bar: Length of a bar under the text on the page, in [0, 1]; None for no bar.
    """

    text: str
    value: float | str | None
    interval: str = ""
    note: int | None = None
    mark: str = ""
    bar: float | None = None


def text_cell(value: str | float | tuple[int, ...] | None) -> Cell:
    """Return a cell for a name or for the value of a setting.

    >>> text_cell("fgsm").text, text_cell(None).text
    ('fgsm', 'none')
    """
    return Cell(as_text(value), as_text(value) if isinstance(value, tuple) else value)


def count_cell(count: int) -> Cell:
    """Return a cell for a number of clips."""
    return Cell(str(count), count)


def number_cell(value: float | None, decimals: int, note: int | None = None) -> Cell:
    """Return a cell for a number, or an undefined one with the number of the note that explains it."""
    return Cell(UNDEFINED, None, note=note) if value is None else Cell(number(value, decimals), value)


def percent_cell(value: float | None, bounds: Interval | None = None, note: int | None = None) -> Cell:
    """Return a cell that shows a fraction in per cent.

    Args:
        value: The fraction; None if it is undefined.
        bounds: Its confidence interval.
        note: Number of the note that explains an undefined value.
    """
    if value is None:
        return Cell(UNDEFINED, None, note=note)
    return Cell(percent(value), value, interval(bounds) if bounds else "")


def p_value_cell(value: float | None, note: int | None = None) -> Cell:
    """Return a cell for a p-value, or an undefined one with the number of the note that explains it.

    >>> p_value_cell(2e-9)
    Cell(text='< 0.001', value=2e-09, interval='', note=None, mark='', bar=None)
    """
    return Cell(UNDEFINED, None, note=note) if value is None else Cell(p_value(value), value)


def interval_cell(bounds: Interval | None) -> Cell:
    """Return a cell that shows an interval alone, sorted by its lower end; empty without one.

    >>> interval_cell((0.471, 0.662)).interval
    '[47.1, 66.2]'
    """
    return Cell("", None) if bounds is None else Cell("", bounds[0], interval(bounds))
