"""Tables as Markdown and LaTeX, that of transfer among them, and every record as CSV."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from staanet.core.records import Record

UNDEFINED = "–"
DAGGER = "†"
MARKDOWN_SPECIAL = "\\`*_[]<>|~"
LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",
    "–": "--",
    "→": r"$\to$",
    "†": r"\dag{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


@dataclass(frozen=True)
class Cell:
    """What a table says in one place: a text, what it sorts by, the number of the note that explains it, a dagger."""

    text: str
    value: float | str | None
    interval: str = ""
    note: int | None = None
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table as it is printed: columns of words, then columns of numbers in groups, with or without a heading each."""

    label: str
    caption: str
    headings: list[str]
    groups: list[tuple[str, tuple[str, ...]]]
    rows: list[list[Cell]]
    notes: list[str]


def markdown(table: Table) -> str:
    """Return a table as GitHub's Markdown."""

    def text(cell: Cell) -> str:
        shown = " ".join(filter(None, [_markdown(cell.text), cell.interval])) + (DAGGER if cell.marked else "")
        return shown + (f"<sup>{cell.note}</sup>" if cell.note else "")

    heads = [*table.headings, *(f"{group} {name}".strip() for group, names in table.groups for name in names)]
    lines = [_markdown(table.caption), "", _line(map(_markdown, heads))]
    lines.append(_line(["---"] * len(table.headings) + ["---:"] * (len(heads) - len(table.headings))))
    lines += [_line(map(text, row)) for row in table.rows]
    lines += [f"\n<sup>{index}</sup> {_markdown(note)}" for index, note in enumerate(table.notes, 1)]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> str:
    """Return a table of texts as GitHub's Markdown: `words` columns of words, then columns of numbers."""
    rule = ["---"] * words + ["---:"] * (len(heads) - words)
    return "\n".join([_line(map(_markdown, heads)), _line(rule), *(_line(map(_markdown, row)) for row in rows)]) + "\n"


def _markdown(text: str) -> str:
    return "".join(f"\\{sign}" if sign in MARKDOWN_SPECIAL else sign for sign in text)


def latex(table: Table) -> str:
    """Return a table as LaTeX, for the package booktabs."""

    def text(cell: Cell) -> str:
        bounds = f" {{\\scriptsize {_latex(cell.interval)}}}" if cell.interval else ""
        return (
            _latex(cell.text)
            + bounds
            + ("$^{\\dag}$" if cell.marked else "")
            + (f"$^{{{cell.note}}}$" if cell.note else "")
        )

    first = len(table.headings)
    heads, spans, rules = [*table.headings], [""] * first, ""
    for group, names in table.groups:
        if group:
            spans.append(f"\\multicolumn{{{len(names)}}}{{c}}{{{_latex(group)}}}")
            rules += f"\\cmidrule(lr){{{len(heads) + 1}-{len(heads) + len(names)}}}"
        else:
            spans += [""] * len(names)
        heads += names
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            "\\begin{table*}",
            "\\centering\\small",
            f"\\caption{{{_latex(table.caption)}}}",
            f"\\label{{tab:{table.label}}}",
            f"\\begin{{tabular}}{{{'l' * first}{'r' * (len(heads) - first)}}}",
            "\\toprule",
            *([" & ".join(spans).strip() + " \\\\", rules] if rules else []),
            " & ".join(map(_latex, heads)) + " \\\\",
            "\\midrule",
            *(" & ".join(map(text, row)) + " \\\\" for row in table.rows),
            "\\bottomrule",
            "\\end{tabular}",
            *(f"\\par\\footnotesize $^{{{index}}}$ {_latex(note)}" for index, note in enumerate(table.notes, 1)),
            "\\end{table*}",
            "",
        ]
    )


def _latex(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(sign, sign) for sign in text)


ALL_FIELDS = tuple(field.name for field in dataclasses.fields(Record))


def comma_separated(records: Sequence[Any], fields: Sequence[str]) -> str:
    """Return a line per record: fractions as they are, a pair as `_low` and `_high`, what has parts as compact JSON."""
    rows = [_flat(record, fields) for record in records]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(record: Any, fields: Sequence[str]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name in fields:
        value = getattr(record, name)
        if name.endswith("_ci"):
            flat[f"{name}_low"], flat[f"{name}_high"] = value or (None, None)
        elif isinstance(value, dict | list | tuple):
            flat[name] = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        else:
            flat[name] = value
    return flat
