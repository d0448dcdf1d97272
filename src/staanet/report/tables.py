"""Tables of the report, and their rendering as Markdown, LaTeX and CSV."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staanet.core.markup import csv_text
from staanet.core.markup import latex as latex_text
from staanet.core.markup import markdown as markdown_text
from staanet.core.records import Record
from staanet.report.cells import Cell

DAGGER = "†"
ALL_FIELDS = tuple(field.name for field in dataclasses.fields(Record))


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Args:
        label: Name of its files, and its label in LaTeX and on the page.
        caption: Sentences that explain the table.
        headings: Headings of the first columns, which hold text.
        groups: Headings of the other columns, which hold numbers: for each group of columns, the heading of the group
            (empty for none) and the headings of its columns.
        rows: Cells of each row, as many as there are columns.
        notes: Texts of the notes to which cells refer.
        mark: Explanation of the cells with a `mark`; empty if there are none.
    """

    label: str
    caption: str
    headings: list[str]
    groups: list[tuple[str, tuple[str, ...]]]
    rows: list[list[Cell]]
    notes: list[str] = dataclasses.field(default_factory=list)
    mark: str = ""

    @property
    def printed_caption(self) -> str:
        """The caption where marks are shown as daggers, which it then explains."""
        return f"{self.caption} {DAGGER} {self.mark}." if self.mark else self.caption


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Args:
        heading: Heading of the section on the page.
        table: The table that is shown.
        rows: Objects that the CSV file holds in full, one per line.
        fields: Names of their attributes that become columns of the CSV file.
    """

    heading: str
    table: Table
    rows: Sequence[Any]
    fields: Sequence[str]


def _as_csv(section: Section) -> str:
    return comma_separated(section.rows, section.fields)


def _as_latex(section: Section) -> str:
    return latex(section.table)


def _as_markdown(section: Section) -> str:
    return markdown(section.table)


FORMATS = {"markdown": ("md", _as_markdown), "latex": ("tex", _as_latex), "csv": ("csv", _as_csv)}
"""File formats of tables, each with the suffix of the file and the function that renders a section."""


def section_files(sections: Iterable[Section], folder: Path, formats: Iterable[str] = FORMATS) -> Mapping[Path, str]:
    """Return the tables of some sections as the contents of files.

    Args:
        sections: The sections.
        folder: Folder of the files.
        formats: Names of file formats, from `FORMATS`.
    """
    chosen = [FORMATS[name] for name in formats]
    return {
        folder / f"{section.table.label}.{suffix}": render(section) for section in sections for suffix, render in chosen
    }


def markdown(table: Table) -> str:
    """Return a table in GitHub's Markdown."""

    def text(cell: Cell) -> str:
        shown = " ".join(filter(None, [markdown_text(cell.text), cell.interval])) + (DAGGER if cell.mark else "")
        return shown + (f"<sup>{cell.note}</sup>" if cell.note else "")

    heads = [*table.headings, *(f"{group} {name}".strip() for group, names in table.groups for name in names)]
    lines = [markdown_text(table.printed_caption), "", _line(map(markdown_text, heads))]
    lines.append(_line(["---"] * len(table.headings) + ["---:"] * (len(heads) - len(table.headings))))
    lines += [_line(map(text, row)) for row in table.rows]
    lines += [f"\n<sup>{index}</sup> {markdown_text(note)}" for index, note in enumerate(table.notes, 1)]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> str:
    """Return texts as a table in GitHub's Markdown.

    Args:
        heads: Headings of the columns.
        rows: Texts of each row.
        words: Number of columns on the left that hold words; the others hold numbers and are aligned to the right.
    """
    rule = ["---"] * words + ["---:"] * (len(heads) - words)
    return (
        "\n".join([_line(map(markdown_text, heads)), _line(rule), *(_line(map(markdown_text, row)) for row in rows)])
        + "\n"
    )


def latex(table: Table) -> str:
    """Return a table in LaTeX, which needs the package booktabs."""

    def text(cell: Cell) -> str:
        bounds = f" {{\\scriptsize {latex_text(cell.interval)}}}" if cell.interval else ""
        return (
            latex_text(cell.text)
            + bounds
            + ("$^{\\dag}$" if cell.mark else "")
            + (f"$^{{{cell.note}}}$" if cell.note else "")
        )

    first = len(table.headings)
    heads, spans, rules = [*table.headings], [""] * first, ""
    for group, names in table.groups:
        if group:
            spans.append(f"\\multicolumn{{{len(names)}}}{{c}}{{{latex_text(group)}}}")
            rules += f"\\cmidrule(lr){{{len(heads) + 1}-{len(heads) + len(names)}}}"
        else:
            spans += [""] * len(names)
        heads += names
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            "\\begin{table*}",
            "\\centering\\small",
            f"\\caption{{{latex_text(table.printed_caption)}}}",
            f"\\label{{tab:{table.label}}}",
            f"\\begin{{tabular}}{{{'l' * first}{'r' * (len(heads) - first)}}}",
            "\\toprule",
            *([" & ".join(spans).strip() + " \\\\", rules] if rules else []),
            " & ".join(map(latex_text, heads)) + " \\\\",
            "\\midrule",
            *(" & ".join(map(text, row)) + " \\\\" for row in table.rows),
            "\\bottomrule",
            "\\end{tabular}",
            *(f"\\par\\footnotesize $^{{{index}}}$ {latex_text(note)}" for index, note in enumerate(table.notes, 1)),
            "\\end{table*}",
            "",
        ]
    )


def comma_separated(rows: Sequence[Any], fields: Sequence[str]) -> str:
    """Return objects as CSV, one per line.

    Fractions are written as they are, intervals as two columns `_low` and `_high`, lists and mappings as compact JSON.

    Args:
        rows: The objects.
        fields: Names of the attributes that become columns.
    """
    lines = [_flat(row, fields) for row in rows]
    columns = [column for name in fields for column in _columns(name)]
    return csv_text(columns, lines)


def _columns(name: str) -> tuple[str, ...]:
    """Return the columns of an attribute, which are two for an interval."""
    return (f"{name}_low", f"{name}_high") if name.endswith("_ci") else (name,)


def _flat(row: Any, fields: Sequence[str]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name in fields:
        value = getattr(row, name)
        if name.endswith("_ci"):
            flat |= zip(_columns(name), value or (None, None), strict=True)
        elif isinstance(value, dict | list | tuple):
            flat[name] = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        else:
            flat[name] = value
    return flat
