"""Tables as Markdown and LaTeX, that of transfer among them, and every record as CSV."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from staanet.core.records import Record
from staanet.report.wording import case, columns, conditions, interval, key, number, percent, said, unique

UNDEFINED = "–"
RATES = ("ASR", "control", "excess")
MEASURES = ("sparsity %", "SNR peak dB", "comb share %", "s per clip", "queries", "gradients")
DAGGER = "†"
WHITE_BOX = f" {DAGGER} white-box: the target is the source."
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


@dataclass(frozen=True)
class Row:
    """One attack on one source: what names it, the rates on each target (None: not evaluated), what it cost."""

    names: list[Cell]
    rates: list[tuple[Cell, Cell, Cell] | None]
    measures: list[Cell]


@dataclass(frozen=True)
class Transfer:
    """The transfer table: a row per attack and source, three columns per target."""

    headings: list[str]
    targets: list[str]
    rows: list[Row]
    notes: list[str]
    caption: str

    def printed(self) -> Table:
        """Return the table as it is printed."""
        groups = [*((target, RATES) for target in self.targets), ("", MEASURES)]
        empty = [Cell("", None)] * len(RATES)
        rows = [
            [*row.names, *(cell for rates in row.rates for cell in rates or empty), *row.measures] for row in self.rows
        ]
        return Table("transfer", self.caption + WHITE_BOX, self.headings, groups, rows, self.notes)


def transfer(records: Sequence[Record]) -> Transfer:
    """Arrange records into the transfer table."""
    fields = columns(records)
    targets = unique(r.target for r in records)
    groups: dict[tuple[Any, ...], dict[str, Record]] = {}
    for record in records:
        groups.setdefault(key(record, fields), {})[record.target] = record
    notes: list[str] = []
    rows = [
        Row(
            names=[Cell(said(value), value) for value in name],
            rates=[_rates(group[target]) if target in group else None for target in targets],
            measures=_measures(next(iter(group.values())), fields, notes),
        )
        for name, group in groups.items()
    ]
    caption = (
        "Predictions changed by each attack (ASR), by random noise of the same size and count (control), and their "
        "difference (excess), in % with 95 % intervals that let clips of a speaker resemble each other. "
        f"{conditions(records)}."
    )
    return Transfer([name.replace("_", " ") for name in fields], targets, rows, notes, caption)


def _rates(record: Record) -> tuple[Cell, Cell, Cell]:
    return (
        Cell(
            percent(record.asr),
            record.asr,
            interval(record.asr_speaker_ci),
            marked=record.target == record.source,
        ),
        Cell(percent(record.asr_control), record.asr_control),
        Cell(percent(record.asr_excess), record.asr_excess, interval(record.asr_excess_speaker_ci)),
    )


def _measures(record: Record, fields: Sequence[str], notes: list[str]) -> list[Cell]:
    """Return what is the same for every target, noting why something is undefined."""

    def cell(name: str, text: str | None) -> Cell:
        if text is not None:
            return Cell(text, getattr(record, name))
        reason = record.notes.get(name, f"undefined for {case(record, fields)}")
        if reason not in notes:
            notes.append(reason)
        return Cell(UNDEFINED, None, note=notes.index(reason) + 1)

    snr, comb = record.snr_peak_db, record.comb_share
    return [
        cell("sparsity", percent(record.sparsity, 2)),
        cell("snr_peak_db", None if snr is None else number(snr)),
        cell("comb_share", None if comb is None else percent(comb)),
        cell("seconds_per_clip", None if record.seconds_per_clip is None else f"{record.seconds_per_clip:.3g}"),
        cell("queries", None if record.queries is None else number(record.queries, 0)),
        cell("gradients", None if record.gradients is None else number(record.gradients, 0)),
    ]


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


TRANSFER_FIELDS = (
    *("experiment", "corpus", "split", "folds", "source", "target", "attack", "generator", "defence", "protocol"),
    *("labels_from", "seed", "budget_epsilon", "budget_snr_db", "budget_sparsity", "n", "n_fooled", "speakers"),
    *("asr", "asr_ci", "asr_speaker_ci", "asr_control", "asr_control_ci", "asr_excess", "asr_excess_ci"),
    *("asr_excess_speaker_ci", "sparsity", "snr_peak_db", "comb_share", "seconds_per_clip", "queries", "gradients"),
    "signature",
)
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
