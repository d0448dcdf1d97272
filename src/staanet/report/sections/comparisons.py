"""Attack against attack on the same clips, with what so many clips could have told apart."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from staanet.core.errors import StaanetError
from staanet.core.records import NO_SOURCE, Interval, Record
from staanet.evaluation.case import Rows
from staanet.metrics import beyond_clips, detectable, paired, sign_test
from staanet.report.tables import Cell, Table
from staanet.report.wording import budget, interval, key, number, percent

PLACE = (
    *("corpus", "split", "protocol", "defence", "target", "domain"),
    *("budget_epsilon", "budget_snr_db", "budget_sparsity"),
)
"""What two records have in common that can be compared clip by clip."""

CAPTION = (
    "Attack against attack on the same clips: the difference of the ASRs in points with its 95 % interval, which lets "
    "clips of a speaker resemble each other; the exact p-value of McNemar's test, clips taken as independent, each row "
    "by itself; and the smallest difference that so many clips would have shown in 80 % of repetitions."
)
NAMES = ("attack", "against", "source", "target", "budget")
MEASURES = ("n", "difference", "p", "detectable")


@dataclass(frozen=True)
class Comparison:
    """The ASR of one attack less that of another, on the same clips of one target within the same budget."""

    attack: str
    other: str
    source: str
    target: str
    budget: str
    n: int
    difference: float
    difference_speaker_ci: Interval
    p_value: float
    """Exact, two-sided, of McNemar's test; clips taken as independent."""
    detectable: float
    """The smallest difference that so many clips show in 80 % of repetitions."""


FIELDS = tuple(field.name for field in dataclasses.fields(Comparison))


def comparisons(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[Comparison]:
    """Compare, on each source, target and budget, the attack that comes first with all others.

    An attack without a source is compared with those of every source, and never comes first.

    Args:
        records: pooled, in the order of their experiment.
        outcomes: returns the rows of a record.
    """
    firsts: dict[tuple[Any, ...], Record] = {}
    for record in records:
        if record.source != NO_SOURCE:
            firsts.setdefault((*key(record, PLACE), record.source), record)
    return [
        compare(first, other, outcomes)
        for first in firsts.values()
        for other in records
        if other is not first and key(other, PLACE) == key(first, PLACE) and other.source in (first.source, NO_SOURCE)
    ]


def compare(first: Record, other: Record, outcomes: Callable[[Record], Rows]) -> Comparison:
    """Compare two attacks on the same target, on the clips that both met.

    Raises:
        StaanetError: there are none.
    """
    fooled = {row["id"]: _fooled(row) for row in outcomes(other)}
    own = [row for row in outcomes(first) if row["id"] in fooled]
    if not own:
        raise StaanetError(f"expected clips that both {first.attack} and {other.attack} met, got none; run them again")
    differences = np.array([float(_fooled(row) - fooled[row["id"]]) for row in own])
    labels, speakers = np.array([row["label"] for row in own]), [row["speaker"] for row in own]
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


def table(made: Sequence[Comparison]) -> Table:
    """Arrange comparisons into a table: a row each."""
    rows = [
        [
            *(Cell(name, name) for name in (row.attack, row.other, row.source, row.target, row.budget)),
            Cell(str(row.n), row.n),
            Cell(percent(row.difference), row.difference, interval(row.difference_speaker_ci)),
            Cell("< 0.001" if row.p_value < 0.001 else number(row.p_value, 3), row.p_value),
            Cell(percent(row.detectable), row.detectable),
        ]
        for row in made
    ]
    return Table("comparisons", CAPTION, list(NAMES), [("", MEASURES)], rows, [])
