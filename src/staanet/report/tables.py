"""The transfer table as Markdown and LaTeX, and every record as CSV."""

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
MEASURES = ("sparsity %", "SNR peak dB", "comb share %", "s per clip")
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
    """What a table says in one place: a text, what it sorts by, and the number of the note that explains it."""

    text: str
    value: float | str | None
    interval: str = ""
    note: int | None = None


@dataclass(frozen=True)
class Row:
    """One attack on one source: what names it, the rates on each target (None: not evaluated), what it cost."""

    names: list[Cell]
    rates: list[tuple[Cell, Cell, Cell] | None]
    white_box: list[bool]
    measures: list[Cell]


@dataclass(frozen=True)
class Transfer:
    """The transfer table: a row per attack and source, three columns per target."""

    headings: list[str]
    targets: list[str]
    rows: list[Row]
    notes: list[str]
    caption: str


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
            white_box=[target in group and target == group[target].source for target in targets],
            measures=_measures(next(iter(group.values())), fields, notes),
        )
        for name, group in groups.items()
    ]
    caption = (
        "Predictions changed by each attack (ASR), by random noise of the same size and count (control), and their "
        f"difference (excess), in % with 95 % intervals. {conditions(records)}."
    )
    return Transfer([name.replace("_", " ") for name in fields], targets, rows, notes, caption)


def _rates(record: Record) -> tuple[Cell, Cell, Cell]:
    return (
        Cell(percent(record.asr), record.asr, interval(record.asr_ci)),
        Cell(percent(record.asr_control), record.asr_control),
        Cell(percent(record.asr_excess), record.asr_excess, interval(record.asr_excess_ci)),
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
        cell("seconds_per_clip", f"{record.seconds_per_clip:.3g}"),
    ]


def markdown(table: Transfer) -> str:
    """Return the table as GitHub's Markdown."""

    def text(cell: Cell) -> str:
        return " ".join(filter(None, [_markdown(cell.text), cell.interval])) + (
            f"<sup>{cell.note}</sup>" if cell.note else ""
        )

    heads = [*table.headings, *(f"{target} {rate}" for target in table.targets for rate in RATES), *MEASURES]
    lines = [_markdown(table.caption + WHITE_BOX), "", _line(map(_markdown, heads))]
    lines.append(_line(["---"] * len(table.headings) + ["---:"] * (len(heads) - len(table.headings))))
    lines += [_line(_row_texts(row, text, DAGGER)) for row in table.rows]
    lines += [f"\n<sup>{index}</sup> {_markdown(note)}" for index, note in enumerate(table.notes, 1)]
    return "\n".join(lines) + "\n"


def _row_texts(row: Row, text: Any, dagger: str) -> Iterable[str]:
    yield from map(text, row.names)
    for rates, white_box in zip(row.rates, row.white_box, strict=True):
        for index, cell in enumerate(rates or [None] * len(RATES)):
            yield "" if cell is None else text(cell) + (dagger if white_box and index == 0 else "")
    yield from map(text, row.measures)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown(text: str) -> str:
    return "".join(f"\\{sign}" if sign in MARKDOWN_SPECIAL else sign for sign in text)


def latex(table: Transfer) -> str:
    """Return the table as LaTeX, for the package booktabs."""

    def text(cell: Cell) -> str:
        bounds = f" {{\\scriptsize {_latex(cell.interval)}}}" if cell.interval else ""
        return _latex(cell.text) + bounds + (f"$^{{{cell.note}}}$" if cell.note else "")

    first, width = len(table.headings), len(RATES)
    spans = [f"\\multicolumn{{{width}}}{{c}}{{{_latex(target)}}}" for target in table.targets]
    starts = [first + 1 + width * index for index in range(len(spans))]
    rules = "".join(f"\\cmidrule(lr){{{start}-{start + width - 1}}}" for start in starts)
    heads = [*table.headings, *(RATES * len(table.targets)), *MEASURES]
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            "\\begin{table*}",
            "\\centering\\small",
            f"\\caption{{{_latex(table.caption + WHITE_BOX)}}}",
            "\\label{tab:transfer}",
            f"\\begin{{tabular}}{{{'l' * first}{'r' * (len(heads) - first)}}}",
            "\\toprule",
            " & ".join([""] * first + spans + [""] * len(MEASURES)).strip() + " \\\\",
            rules,
            " & ".join(map(_latex, heads)) + " \\\\",
            "\\midrule",
            *(" & ".join(_row_texts(row, text, "$^{\\dag}$")) + " \\\\" for row in table.rows),
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
    *("experiment", "corpus", "split", "fold", "source", "target", "attack", "generator", "defence", "protocol"),
    *("labels_from", "seed", "budget_epsilon", "budget_snr_db", "budget_sparsity", "n", "n_fooled", "asr", "asr_ci"),
    *("asr_control", "asr_control_ci", "asr_excess", "asr_excess_ci", "sparsity", "snr_peak_db", "comb_share"),
    *("seconds_per_clip", "signature"),
)
ALL_FIELDS = tuple(field.name for field in dataclasses.fields(Record))


def comma_separated(records: Sequence[Record], fields: Sequence[str]) -> str:
    """Return a line per record: fractions as they are, a pair as `_low` and `_high`, what has parts as compact JSON."""
    rows = [_flat(record, fields) for record in records]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(record: Record, fields: Sequence[str]) -> dict[str, Any]:
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
