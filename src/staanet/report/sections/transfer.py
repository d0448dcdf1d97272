"""The transfer table: what each attack changes on each model, beside noise of the same size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from staanet.core.records import Record
from staanet.report.tables import DAGGER, UNDEFINED, Cell, Table
from staanet.report.wording import case, columns, conditions, interval, key, number, percent, said, unique

RATES = ("ASR", "control", "excess")


MEASURES = ("sparsity %", "SNR peak dB", "comb share %", "s per clip", "queries", "gradients")


WHITE_BOX = f" {DAGGER} white-box: the target is the source."


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


FIELDS = (
    *("experiment", "corpus", "split", "folds", "source", "target", "attack", "generator", "defence", "protocol"),
    *("labels_from", "seed", "budget_epsilon", "budget_snr_db", "budget_sparsity", "n", "n_fooled", "speakers"),
    *("asr", "asr_ci", "asr_speaker_ci", "asr_control", "asr_control_ci", "asr_excess", "asr_excess_ci"),
    *("asr_excess_speaker_ci", "sparsity", "snr_peak_db", "comb_share", "seconds_per_clip", "queries", "gradients"),
    "signature",
)
