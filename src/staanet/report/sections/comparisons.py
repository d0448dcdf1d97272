"""Comparison of the first attack with all others on the same clips, and the smallest detectable difference."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from staanet.core.errors import StaanetError
from staanet.core.records import NO_SOURCE, Interval, Record, Rows
from staanet.metrics import beyond_clips, detectable, paired, sign_test
from staanet.report.cells import count_cell, p_value_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.tables import Section, Table
from staanet.report.wording import budget, key

CONDITIONS = (
    *("corpus", "split", "protocol", "defence", "target", "domain"),
    *("budget_epsilon", "budget_snr_db", "budget_sparsity"),
)
"""Fields that two records must share to be compared clip by clip."""

CAPTION = (
    "Comparison of two attacks on the same clips: the difference of their ASRs in percentage points, with a 95 % "
    "confidence interval that allows for correlation between clips of a speaker; the exact p-value of McNemar's test, "
    "which treats clips as independent and is not corrected for the number of rows; and the smallest difference that "
    "the test would have detected with 80 % power on this number of clips."
)
NAMES = ["attack", "against", "source", "target", "budget"]
MEASURES = ("n", "difference", "p", "detectable")


@dataclass(frozen=True)
class Comparison:
    """The ASR of one attack minus that of another, on the same clips and target, within the same budget.

    Args:
        attack: The first attack.
        other: The attack with which it is compared.
        source: Source model of the first attack.
        target: Target model.
        budget: Budget of the first attack.
        n: Number of clips on which both attacks were run.
        difference: ASR of the first attack minus ASR of the other one, as a fraction.
        difference_speaker_ci: 95 % interval of the difference that allows for correlation between clips of a speaker.
        p_value: Exact, two-sided p-value of McNemar's test, which treats clips as independent.
        detectable: Smallest difference that the test detects with 80 % power on this number of clips.
    """

    attack: str
    other: str
    source: str
    target: str
    budget: str
    n: int
    difference: float
    difference_speaker_ci: Interval
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
    fooled = {row["id"]: _fooled(row) for row in outcomes(other)}
    common = [row for row in outcomes(first) if row["id"] in fooled]
    if not common:
        raise StaanetError(
            f"expected clips on which both {first.attack} and {other.attack} were run, got none; run them again"
        )
    differences = np.array([float(_fooled(row) - fooled[row["id"]]) for row in common])
    labels, speakers = np.array([row["label"] for row in common]), [row["speaker"] for row in common]
    return Comparison(
        attack=first.attack,
        other=other.attack,
        source=first.source,
        target=first.target,
        budget=budget(first),
        n=len(differences),
        difference=float(differences.mean()),
        difference_speaker_ci=beyond_clips(differences, labels, speakers, paired(differences), low=-1.0),
        p_value=sign_test(differences),
        detectable=detectable(differences),
    )


def _fooled(row: dict[str, Any]) -> bool:
    return bool(row["predicted_adv"] != row["predicted_clean"])


def table(rows: Sequence[Comparison]) -> Table:
    """Return the table, with a row per comparison."""
    cells = [
        [
            *map(text_cell, (row.attack, row.other, row.source, row.target, row.budget)),
            count_cell(row.n),
            percent_cell(row.difference, row.difference_speaker_ci),
            p_value_cell(row.p_value),
            percent_cell(row.detectable),
        ]
        for row in rows
    ]
    return Table("comparisons", CAPTION, NAMES, [("", MEASURES)], cells)
