"""Pairwise comparison of several attacks on the clips that they share, corrected for the number of pairs."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from staanet.core.records import Record, Rows
from staanet.metrics.significance import holm
from staanet.report.cells import p_value_cell, text_cell
from staanet.report.results import Results
from staanet.report.sections.comparisons import Comparison, caption, compare, differences, grouped, has_folds
from staanet.report.tables import Section, Table
from staanet.report.wording import unique

CAPTION = (
    "Pairwise comparison of attacks on the clips on which both were run, each within its own budget, first minus "
    "second, in percentage points: the difference of the robust accuracies that they leave (below zero if the first "
    "attack is stronger) and of their ASRs. {intervals}.{by_fold} {verdict} p: the exact p-value of "
    "McNemar's test on the changed predictions, which treats clips as independent; p, Holm: the same after Holm's "
    "correction for all pairs on the same target."
)
HEADINGS = ["attack", "against", "target"]


@dataclass(frozen=True)
class PairwiseComparison(Comparison):
    """One of several comparisons on the same target, with its p-value after Holm's correction for all of them."""

    p_holm: float


FIELDS = tuple(
    field.name for field in dataclasses.fields(PairwiseComparison) if field.name not in ("budget", "detectable")
)


def section(results: Results) -> Section | None:
    """Return the section, or None if the experiment names no attacks to compare pair by pair."""
    rows = pairwise_comparisons(results.records, results.outcomes, results.layout.pairwise)
    return Section("Pairwise comparison of attacks", table(rows), rows, FIELDS) if rows else None


def pairwise_comparisons(
    records: Sequence[Record], outcomes: Callable[[Record], Rows], attacks: Sequence[str]
) -> list[PairwiseComparison]:
    """Compare some white-box attacks with each other, on each target.

    Args:
        records: Pooled records.
        outcomes: Function that returns the per-clip outcomes of a record.
        attacks: Names of the attacks; each is compared with all that follow it.
    """
    rows = []
    for target in unique(record.target for record in records):
        white_box = {r.attack: r for r in records if r.target == r.source == target and r.attack in attacks}
        chosen = [white_box[name] for name in attacks if name in white_box]
        compared = [compare(one, other, outcomes) for one, other in combinations(chosen, 2)]
        corrected = holm([comparison.p_value for comparison in compared])
        rows += [PairwiseComparison(**vars(one), p_holm=p) for one, p in zip(compared, corrected, strict=True)]
    return rows


def table(rows: Sequence[PairwiseComparison]) -> Table:
    """Return the table, with a row per pair of attacks and target."""
    by_fold = has_folds(rows)
    cells = [
        [
            *map(text_cell, (row.attack, row.other, row.target)),
            *differences(row, by_fold=by_fold),
            p_value_cell(row.p_value),
            p_value_cell(row.p_holm),
        ]
        for row in rows
    ]
    return Table("pairwise", caption(CAPTION, rows), HEADINGS, grouped("p", "p, Holm", by_fold=by_fold), cells)
