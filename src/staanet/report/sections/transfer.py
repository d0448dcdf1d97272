"""The transfer table: what each attack leaves of the accuracy of each model, and how many predictions it changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from staanet.core.records import Record
from staanet.report.captions import chance, control, intervals
from staanet.report.cells import UNDEFINED, Cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.tables import Section, Table
from staanet.report.wording import case, columns, conditions, key, number, percent, unique

RATES = ("robust accuracy", "robust UAR", "ASR", "control", "excess")
MEASURES = ("sparsity %", "SNR peak dB", "comb share %", "s per clip", "queries", "gradients")
WHITE_BOX = "white-box: the target is the source"
FIELDS = (
    *("experiment", "corpus", "split", "folds", "source", "target", "attack", "generator", "defence", "protocol"),
    *(
        "labels_from",
        "seed",
        "budget_epsilon",
        "budget_snr_db",
        "budget_sparsity",
        "n",
        "n_robust",
        "n_fooled",
        "speakers",
    ),
    *("robust_accuracy", "robust_accuracy_ci", "robust_accuracy_speaker_ci", "robust_accuracy_fold_ci", "robust_uar"),
    *("chance", "asr", "asr_ci", "asr_speaker_ci", "asr_fold_ci", "asr_control", "asr_control_ci", "asr_excess"),
    *(
        "asr_excess_ci",
        "asr_excess_speaker_ci",
        "asr_excess_fold_ci",
        "sparsity",
        "snr_peak_db",
        "comb_share",
        "seconds_per_clip",
        "queries",
        "gradients",
    ),
    "signature",
)


def section(results: Results) -> Section | None:
    """Return the section, or None if the run has no records."""
    if not results.records:
        return None
    return Section("Transfer", table(results.records), results.records, FIELDS)


def table(records: Sequence[Record]) -> Table:
    """Return the table, with a row per attack and source and five columns per target."""
    fields = columns(records)
    targets = unique(r.target for r in records)
    rows: dict[tuple[Any, ...], dict[str, Record]] = {}
    for record in records:
        rows.setdefault(key(record, fields), {})[record.target] = record
    notes: list[str] = []
    caption = (
        "For each target model, in %: the clips that it classifies correctly before and under each attack (robust "
        "accuracy; robust UAR is their recall averaged over the classes), the predictions that the attack changed "
        "(ASR), those that random noise of the same size on the same number of samples changed (control), and the "
        "difference of these two (excess), which says whether the attack does more than noise and not which model or "
        f"attack is better. {chance(records)} {intervals(r.speakers for r in records)}.{control(records)} Source: the "
        f"model on which the attack was computed. {conditions(records)}."
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
    """Return the rates on a target; empty cells if the attack was not evaluated on it."""
    if record is None:
        return [Cell("", None)] * len(RATES)
    white_box = "white-box" if record.target == record.source else ""
    robust = percent_cell(record.robust_accuracy, record.robust_accuracy_speaker_ci)
    return [
        replace(robust, mark=white_box, bar=record.robust_accuracy),
        percent_cell(record.robust_uar),
        percent_cell(record.asr, record.asr_speaker_ci),
        percent_cell(record.asr_control),
        percent_cell(record.asr_excess, record.asr_excess_speaker_ci),
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
