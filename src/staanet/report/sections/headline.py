"""The case that the summary is about, over all folds, without those on which settings were chosen, and fold by fold."""

from collections.abc import Sequence

from staanet.core.records import Record
from staanet.report.captions import BY_FOLD, chance, control, intervals
from staanet.report.cells import Cell, count_cell, interval_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.tables import Section, Table
from staanet.report.wording import as_text, case, conditions

HEADINGS = ["folds", "flags"]
GROUPS: list[tuple[str, tuple[str, ...]]] = [
    ("", ("n",)),
    ("robust accuracy", ("all clips", "by fold")),
    ("", ("robust UAR",)),
    ("ASR", ("all clips", "by fold")),
    ("", ("control",)),
    ("excess", ("all clips", "by fold")),
]
FIELDS = (
    *("experiment", "corpus", "split", "folds", "source", "target", "attack", "n", "speakers", "robust_accuracy"),
    *("robust_accuracy_ci", "robust_accuracy_speaker_ci", "robust_accuracy_fold_ci", "robust_uar", "chance", "asr"),
    *("asr_ci", "asr_speaker_ci", "asr_fold_ci", "asr_control", "asr_control_ci", "asr_excess", "asr_excess_ci"),
    *("asr_excess_speaker_ci", "asr_excess_fold_ci", "flags", "signature"),
)


def section(results: Results) -> Section | None:
    """Return the section, or None if the case has only one fold."""
    if not results.records or len(parts := results.parts_of(results.lead)) < 2:
        return None
    others = results.lead_without_selection
    # with one fold left, its own row shows the same
    rows = [results.lead, *([others] if others is not None and others.pooled else []), *parts]
    return Section("Headline by fold", table(rows, results.layout.selection_folds), rows, FIELDS)


def table(rows: Sequence[Record], selection_folds: Sequence[int]) -> Table:
    """Return the table, with a row per set of folds.

    Args:
        rows: The case over all folds, over some of them, and over each fold.
        selection_folds: Folds on which settings were chosen.
    """
    lead = rows[0]
    own = tuple(sorted(set(selection_folds) & set(lead.folds)))
    chosen = (
        f" Settings were chosen on fold{'s' if len(own) > 1 else ''} {as_text(own)}, "
        f"so that results may be too good there; the rows without {'them' if len(own) > 1 else 'it'} are free of this "
        "choice."
        if own
        else ""
    )
    caption = (
        f"{case(lead, ['attack', 'source'])}, over all folds and fold by fold, in %: robust accuracy, robust UAR, ASR, "
        f"control and excess, as in the transfer table.{chosen} {chance([lead])} "
        f"{intervals(row.speakers for row in rows)}. {BY_FOLD}{control(rows)} {conditions([lead])}."
    )
    return Table("headline", caption, HEADINGS, GROUPS, [_cells(row) for row in rows])


def _cells(row: Record) -> list[Cell]:
    return [
        text_cell(row.folds),
        text_cell(", ".join(row.flags)),
        count_cell(row.n),
        percent_cell(row.robust_accuracy, row.robust_accuracy_speaker_ci),
        interval_cell(row.robust_accuracy_fold_ci),
        percent_cell(row.robust_uar),
        percent_cell(row.asr, row.asr_speaker_ci),
        interval_cell(row.asr_fold_ci),
        percent_cell(row.asr_control),
        percent_cell(row.asr_excess, row.asr_excess_speaker_ci),
        interval_cell(row.asr_excess_fold_ci),
    ]
