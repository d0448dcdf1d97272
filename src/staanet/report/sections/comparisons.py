"""Comparison of the first attack with all others on the same clips, and the smallest detectable difference."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from staanet.core.errors import StaanetError
from staanet.core.records import NO_SOURCE, Interval, Record, Rows
from staanet.metrics import beyond_clips, detectable, paired, sign_test
from staanet.report.captions import BY_FOLD, intervals
from staanet.report.cells import Cell, count_cell, interval_cell, p_value_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.rows import interval_by_fold, is_fooled, is_robust
from staanet.report.tables import Section, Table
from staanet.report.wording import budget, key, percent

CONDITIONS = (
    *("corpus", "split", "protocol", "defence", "target", "domain"),
    *("budget_epsilon", "budget_snr_db", "budget_sparsity"),
)
"""Fields that two records must share to be compared clip by clip."""

CAPTION = (
    "Comparison of two attacks on the same clips, first minus second, in percentage points: the difference of the "
    "robust accuracies that they leave (below zero if the first attack is stronger) and of their ASRs. {intervals}."
    "{by_fold} {verdict} p: the exact p-value of McNemar's test on the changed predictions, which treats clips as "
    "independent and is not corrected for the number of rows; detectable: the smallest difference of ASRs that it "
    "would have detected with 80 % power on this number of clips."
)
NAMES = ["attack", "against", "source", "target", "budget"]
MARGIN = 0.05
"""Largest loss of strength with which an attack counts as not inferior, as a share of the clips."""
STRONGER, STRONGER_HERE, NOT_INFERIOR, UNDECIDED, WEAKER_HERE, WEAKER = VERDICTS = (
    *("stronger", "stronger on this model", "not inferior"),
    *("undecided", "weaker on this model", "weaker"),
)
VERDICT = (
    "Verdict: stronger or weaker if both intervals of the difference of robust accuracies exclude zero, not inferior "
    f"if both only exclude that the first attack leaves {percent(MARGIN, 0)} points more, and undecided otherwise."
)
VERDICT_HERE = (
    "Verdict on a single training: stronger or weaker on this model if the interval of the difference of robust "
    "accuracies excludes zero, and undecided otherwise; it does not hold for other trainings."
)


@dataclass(frozen=True)
class Comparison:
    """One attack compared with another, on the same clips and target, within the same budget.

    Args:
        attack: The first attack.
        other: The attack with which it is compared.
        source: Source model of the first attack.
        target: Target model.
        budget: Budget of the first attack.
        n: Number of clips on which both attacks were run.
        speakers: Number of their speakers.
        robust_difference: Robust accuracy under the first attack minus that under the other one, as a fraction.
        robust_difference_speaker_ci: 95 % interval of this difference that allows for correlation between clips of a
            speaker.
        robust_difference_fold_ci: The same with the fold as the unit; None for fewer than two folds.
        verdict: Whether the first attack is `stronger`, `weaker` or `not inferior` by fold, or `stronger on this model`
            or `weaker on this model` after a single training, or it is `undecided`.
        difference: ASR of the first attack minus ASR of the other one, as a fraction.
        difference_speaker_ci: 95 % interval of the difference that allows for correlation between clips of a speaker.
        difference_fold_ci: The same with the fold as the unit; None for fewer than two folds.
        p_value: Exact, two-sided p-value of McNemar's test, which treats clips as independent.
        detectable: Smallest difference that the test detects with 80 % power on this number of clips.
    """

    attack: str
    other: str
    source: str
    target: str
    budget: str
    n: int
    speakers: int
    robust_difference: float
    robust_difference_speaker_ci: Interval
    robust_difference_fold_ci: Interval | None
    verdict: str
    difference: float
    difference_speaker_ci: Interval
    difference_fold_ci: Interval | None
    p_value: float
    detectable: float


FIELDS = tuple(field.name for field in dataclasses.fields(Comparison))


def section(results: Results) -> Section | None:
    """Return the section, or None if no two attacks can be compared."""
    rows = comparisons(results.records, results.outcomes)
    return Section("Comparisons", table(rows), rows, FIELDS) if rows else None


def comparisons(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[Comparison]:
    """Compare, for each source, target and budget, the first attack with all others.

    An attack that needs no source model is compared with the first attack of every source, and is never the first.

    Args:
        records: Pooled records, in the order of the experiment.
        outcomes: Function that returns the per-clip outcomes of a record.
    """
    firsts: dict[tuple[Any, ...], Record] = {}
    for record in records:
        if record.source != NO_SOURCE:
            firsts.setdefault((*key(record, CONDITIONS), record.source), record)
    return [
        compare(first, other, outcomes)
        for first in firsts.values()
        for other in records
        if other is not first
        and key(other, CONDITIONS) == key(first, CONDITIONS)
        and other.source in (first.source, NO_SOURCE)
    ]


def compare(first: Record, other: Record, outcomes: Callable[[Record], Rows]) -> Comparison:
    """Compare two attacks on the same target, on the clips on which both were run.

    Raises:
        StaanetError: There are no such clips.
    """
    others = {row["id"]: row for row in outcomes(other)}
    common = [row for row in outcomes(first) if row["id"] in others]
    if not common:
        raise StaanetError(
            f"expected clips on which both {first.attack} and {other.attack} were run, got none; run them again"
        )
    pairs = [(row, others[row["id"]]) for row in common]
    fooled = np.array([float(is_fooled(one)) - is_fooled(two) for one, two in pairs])
    robust = np.array([float(is_robust(one)) - is_robust(two) for one, two in pairs])
    labels, speakers = np.array([row["label"] for row in common]), [row["speaker"] for row in common]
    robust_by_clip = beyond_clips(robust, labels, speakers, paired(robust), low=-1.0)
    robust_by_fold = interval_by_fold(robust, common, low=-1.0)
    return Comparison(
        attack=first.attack,
        other=other.attack,
        source=first.source,
        target=first.target,
        budget=budget(first),
        n=len(common),
        speakers=len(set(speakers)),
        robust_difference=float(robust.mean()),
        robust_difference_speaker_ci=robust_by_clip,
        robust_difference_fold_ci=robust_by_fold,
        verdict=verdict(robust_by_clip, robust_by_fold),
        difference=float(fooled.mean()),
        difference_speaker_ci=beyond_clips(fooled, labels, speakers, paired(fooled), low=-1.0),
        difference_fold_ci=interval_by_fold(fooled, common, low=-1.0),
        p_value=sign_test(fooled),
        detectable=detectable(fooled),
    )


def verdict(by_clip: Interval, by_fold: Interval | None) -> str:
    """Return what intervals of the robust accuracy that an attack leaves minus that of another say about the attack.

    The interval by clip or speaker counts too, since a few folds may agree by chance.

    >>> verdict((-0.2, -0.1), (-0.2, -0.1)), verdict((-0.2, -0.1), (-0.1, 0.04)), verdict((-0.2, -0.1), None)
    ('stronger', 'not inferior', 'stronger on this model')
    """
    if by_fold is None:
        return STRONGER_HERE if by_clip[1] < 0 else WEAKER_HERE if by_clip[0] > 0 else UNDECIDED
    low, high = min(by_clip[0], by_fold[0]), max(by_clip[1], by_fold[1])
    if high < 0:
        return STRONGER
    if low > 0:
        return WEAKER
    return NOT_INFERIOR if high < MARGIN else UNDECIDED


def table(rows: Sequence[Comparison]) -> Table:
    """Return the table, with a row per comparison."""
    by_fold = has_folds(rows)
    cells = [
        [
            *map(text_cell, (row.attack, row.other, row.source, row.target, row.budget)),
            *differences(row, by_fold=by_fold),
            p_value_cell(row.p_value),
            percent_cell(row.detectable),
        ]
        for row in rows
    ]
    groups = grouped("p", "detectable", by_fold=by_fold)
    return Table("comparisons", caption(CAPTION, rows), NAMES, groups, cells)


def has_folds(rows: Iterable[Comparison]) -> bool:
    """Return whether any comparison has intervals with the fold as the unit."""
    return any(row.robust_difference_fold_ci is not None for row in rows)


def grouped(*last: str, by_fold: bool) -> list[tuple[str, tuple[str, ...]]]:
    """Return the groups of columns of a table of comparisons, whose last columns have the given headings."""
    folds = ("by fold",) if by_fold else ()
    return [
        ("", ("n",)),
        ("robust accuracy", ("difference", *folds, "verdict")),
        ("ASR", ("difference", *folds, *last)),
    ]


def differences(row: Comparison, *, by_fold: bool) -> list[Cell]:
    """Return the number of clips, both differences and the verdict, in the order of `grouped`."""
    return [
        count_cell(row.n),
        percent_cell(row.robust_difference, row.robust_difference_speaker_ci),
        *([interval_cell(row.robust_difference_fold_ci)] if by_fold else []),
        Cell(row.verdict, float(VERDICTS.index(row.verdict))),
        percent_cell(row.difference, row.difference_speaker_ci),
        *([interval_cell(row.difference_fold_ci)] if by_fold else []),
    ]


def caption(text: str, rows: Sequence[Comparison]) -> str:
    """Return a caption in which what the intervals of comparisons assume is filled in."""
    single = any(row.robust_difference_fold_ci is None for row in rows)
    by_fold = has_folds(rows)
    return text.format(
        intervals=intervals(row.speakers for row in rows),
        by_fold=f" {BY_FOLD}" if by_fold else "",
        verdict=" ".join([*([VERDICT] if by_fold else []), *([VERDICT_HERE] if single else [])]),
    )
