"""Published tables in Markdown: how they are read, and how their cells are compared with recomputed values."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from verify.checks import Checks

CELL = re.compile(r"(?P<text>.*?) ?(?P<bounds>\[[^\]]*\])?(?P<mark>†?)(?:<sup>(?P<note>\d+)</sup>)?", re.DOTALL)
UNDEFINED = "–"
SMALLEST_P = 0.001
SLACK = 1e-9
"""How far a value may be beyond half of the last digit shown, since it was computed in another order."""


@dataclass(frozen=True)
class Table:
    """A table as it is published.

    Args:
        caption: The text before the table.
        headings: Headings of all columns.
        rows: Texts of the cells.
    """

    caption: str
    headings: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Value:
    """What a cell should show.

    Args:
        value: A number, a text, or None if it is undefined.
        scale: Factor from the value to the unit of the cell.
        bounds: Confidence interval that is shown next to the value.
        mark: Whether the cell is marked with a dagger.
        p_value: Whether the value is a p-value, which may be shown as below a limit.
    """

    value: Any
    scale: float = 1.0
    bounds: tuple[float, float] | None = None
    mark: bool = False
    p_value: bool = False


@dataclass(frozen=True)
class Expected:
    """A row that a table should have: the texts of the columns that name it, and the values of the others."""

    names: dict[str, str]
    values: dict[str, Value] = field(default_factory=dict)


def percent(value: float | None, bounds: tuple[float, float] | None = None, *, mark: bool = False) -> Value:
    """Return a fraction that is shown in per cent."""
    return Value(value, 100.0, bounds, mark)


def tables_in(text: str) -> list[Table]:
    """Return all tables of a text in Markdown, each with the paragraph before it as its caption."""
    found = []
    blocks = re.split(r"\n{2,}", text)
    for before, block in zip(["", *blocks], blocks, strict=False):
        lines = block.strip("\n").split("\n")
        if len(lines) >= 2 and lines[0].startswith("| ") and set(lines[1]) <= set("|-: "):
            heads, _, *rows = (_cells(line) for line in lines)
            found.append(Table(_plain(before), _distinct_headings(heads), rows))
    return found


def _distinct_headings(headings: Iterable[str]) -> list[str]:
    """Return headings in which `by fold` follows what the interval belongs to, the column before it."""
    result: list[str] = []
    for heading in headings:
        result.append(f"{result[-1]} by fold" if heading == "by fold" and result else heading)
    return result


def _cells(line: str) -> list[str]:
    return [_plain(cell) for cell in line[2:-2].split(" | ")]


def _plain(text: str) -> str:
    return re.sub(r"\\([\\`*_\[\]<>|~])", r"\1", text)


def check_rows(
    checks: Checks, place: str, table: Table, expected: Sequence[Expected], *, complete: bool = True
) -> None:
    """Compare a table with the rows that it should have, found by the columns that name them.

    Columns of which no row knows a value are listed as not checked.

    Args:
        checks: Where results go.
        place: Name of the table in messages.
        table: The published table.
        expected: The rows, in any order; rows of equal names in the order of the table.
        complete: Whether every expected row has to be in the table.
    """
    known = {heading for row in expected for heading in row.names}
    keys = [heading for heading in table.headings if heading in known]
    waiting: dict[tuple[str, ...], list[Expected]] = {}
    for row in expected:
        waiting.setdefault(tuple(row.names.get(heading, "") for heading in keys), []).append(row)
    for texts in table.rows:
        shown = dict(zip(table.headings, texts, strict=True))
        name = tuple(shown[heading] for heading in keys)
        rows = waiting.get(name)
        checks.cell(f"{place}: row {', '.join(name)}", "a row", "nothing that the study has", bool(rows))
        if rows:
            _check_row(checks, f"{place}: {', '.join(name)}", shown, rows.pop(0))
    for name, rows in waiting.items():
        if rows and complete:
            checks.differ(f"{place}: no row {', '.join(name)}")


def _check_row(checks: Checks, place: str, shown: dict[str, str], row: Expected) -> None:
    for heading, text in shown.items():
        if heading in row.values:
            check_cell(checks, f"{place}: {heading}", text, row.values[heading])
        elif heading not in row.names:
            checks.could_not(f"{place.partition(':')[0]}: column {heading}")


def check_cell(checks: Checks, place: str, text: str, expected: Value) -> None:
    """Compare a cell with the value that it should show."""
    match = CELL.fullmatch(text)
    assert match is not None
    number, bounds = match["text"], match["bounds"]
    holds = _agrees(number, expected.value, expected.scale, p_value=expected.p_value)
    holds &= (bounds is not None) == (expected.bounds is not None) and bool(match["mark"]) == expected.mark
    if bounds and expected.bounds:
        ends = bounds[1:-1].split(", ")
        holds &= len(ends) == 2 and all(
            _agrees(end, value, expected.scale) for end, value in zip(ends, expected.bounds, strict=True)
        )
    checks.cell(place, text, _described(expected), holds)


def _agrees(text: str, value: Any, scale: float, *, p_value: bool = False) -> bool:
    """Return whether a text shows a value, rounded to as many digits as the text has."""
    if value is None or isinstance(value, str):
        return text == (UNDEFINED if value is None else value)
    if isinstance(value, frozenset):
        return set(filter(None, text.split(", "))) == value
    if p_value and value < SMALLEST_P:
        return text == f"< {SMALLEST_P}"
    return number_agrees(text, value * scale)


def number_agrees(text: str, value: float) -> bool:
    """Return whether a number is what a text shows, rounded to as many digits as the text has."""
    try:
        number = Decimal(text.replace("−", "-"))
    except InvalidOperation:
        return False
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(float(number) - value) <= 0.5 * 10.0**exponent + SLACK * max(1.0, abs(value))


def _described(expected: Value) -> str:
    ends = "" if expected.bounds is None else " [{:.6g}, {:.6g}]".format(*(b * expected.scale for b in expected.bounds))
    value = expected.value
    if isinstance(value, frozenset):
        value = ", ".join(sorted(value))
    number = f"{value * expected.scale:.6g}" if isinstance(value, int | float) else str(value)
    return f"{number}{ends}{'†' if expected.mark else ''}" or "nothing"


def as_text(value: Any) -> str:
    """Return how a field that names a row is written."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def distinct(values: Iterable[Any]) -> list[Any]:
    """Return each value once, in the order in which they first occur."""
    return list(dict.fromkeys(values))
