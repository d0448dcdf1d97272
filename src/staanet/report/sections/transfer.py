"""The transfer table: how many predictions each attack changes on each model, compared with noise of the same size."""

from collections.abc import Sequence
from typing import Any

from staanet.core.records import Record
from staanet.report.cells import UNDEFINED, Cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.tables import Section, Table
from staanet.report.wording import case, columns, conditions, interval, key, number, percent, unique

RATES = ("ASR", "control", "excess")
MEASURES = ("sparsity %", "SNR peak dB", "comb share %", "s per clip", "queries", "gradients")
WHITE_BOX = "white-box: the target is the source"
FIELDS = (
    *("experiment", "corpus", "split", "folds", "source", "target", "attack", "generator", "defence", "protocol"),
    *("labels_from", "seed", "budget_epsilon", "budget_snr_db", "budget_sparsity", "n", "n_fooled", "speakers"),
    *("asr", "asr_ci", "asr_speaker_ci", "asr_control", "asr_control_ci", "asr_excess", "asr_excess_ci"),
    *("asr_excess_speaker_ci", "sparsity", "snr_peak_db", "comb_share", "seconds_per_clip", "queries", "gradients"),
    "signature",
)


def section(results: Results) -> Section | None:
    """Return the section, or None if the run has no records."""
    if not results.records:
        return None
    return Section("Transfer", table(results.records), results.records, FIELDS)


def table(records: Sequence[Record]) -> Table:
    """Return the table, with a row per attack and source and three columns per target."""
    fields = columns(records)
    targets = unique(r.target for r in records)
    rows: dict[tuple[Any, ...], dict[str, Record]] = {}
    for record in records:
        rows.setdefault(key(record, fields), {})[record.target] = record
    notes: list[str] = []
    caption = (
        "Share of predictions that each attack changed (ASR), share that random noise of the same size on the same "
        "number of samples changed (control), and their difference (excess), for each target model, in % with 95 % "
        "confidence intervals that allow for correlation between clips of a speaker. Source: the model on which the "
        f"attack was computed. {conditions(records)}."
    )
    return Table(
        label="transfer",
        caption=caption,
        headings=[name.replace("_", " ") for name in fields],
        groups=[*((target, RATES) for target in targets), ("", MEASURES)],
        rows=[
            [
                *map(text_cell, name),
                *(cell for target in targets for cell in _rates(evaluated.get(target))),
                *_measures(next(iter(evaluated.values())), fields, notes),
            ]
            for name, evaluated in rows.items()
        ],
        notes=notes,
        mark=WHITE_BOX,
    )


def _rates(record: Record | None) -> list[Cell]:
    """Return ASR, control and excess on a target; empty cells if the attack was not evaluated on it."""
    if record is None:
        return [Cell("", None)] * len(RATES)
    bounds, excess = interval(record.asr_speaker_ci), record.asr_excess
    white_box = "white-box" if record.target == record.source else ""
    return [
        Cell(percent(record.asr), record.asr, bounds, mark=white_box),
        percent_cell(record.asr_control),
        Cell(percent(excess), excess, interval(record.asr_excess_speaker_ci), bar=min(max(excess, 0.0), 1.0)),
    ]


def _measures(record: Record, fields: Sequence[str], notes: list[str]) -> list[Cell]:
    """Return the cells that do not depend on the target, and add a note for each undefined one."""

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
