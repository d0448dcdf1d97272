"""Attacks pair by pair on the clips that both met, whatever their budgets: McNemar's test, corrected for all pairs."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from staanet.core.records import Record
from staanet.evaluation.case import Rows
from staanet.metrics.significance import holm
from staanet.report.sections.comparisons import Comparison, compare
from staanet.report.tables import Cell, Table
from staanet.report.wording import interval, number, percent, unique

CAPTION = (
    "Attacks pair by pair on the clips that both met, each with a budget of its own: the difference of the ASRs in "
    "points with its 95 % interval, which lets clips of a speaker resemble each other; the exact p-value of McNemar's "
    "test, clips taken as independent; and the same after Holm's correction for all pairs on a target."
)


@dataclass(frozen=True)
class Pair(Comparison):
    """A comparison among several."""

    p_holm: float


FIELDS = tuple(field.name for field in dataclasses.fields(Pair) if field.name not in ("budget", "detectable"))


def pairs(records: Sequence[Record], outcomes: Callable[[Record], Rows], attacks: Sequence[str]) -> list[Pair]:
    """Compare some attacks, each with all that follow, on each target of their own.

    Args:
        records: pooled.
        outcomes: returns the rows of a record.
        attacks: their names, in order.
    """
    found = []
    for target in unique(record.target for record in records):
        own = {r.attack: r for r in records if r.target == r.source == target and r.attack in attacks}
        chosen = [own[name] for name in attacks if name in own]
        compared = [compare(one, other, outcomes) for one, other in combinations(chosen, 2)]
        corrected = holm([comparison.p_value for comparison in compared])
        found += [Pair(**vars(one), p_holm=p) for one, p in zip(compared, corrected, strict=True)]
    return found


def table(made: Sequence[Pair]) -> Table:
    """Arrange pairs into a table: a row each."""

    def p(value: float) -> Cell:
        return Cell("< 0.001" if value < 0.001 else number(value, 3), value)

    rows = [
        [
            *(Cell(name, name) for name in (row.attack, row.other, row.target)),
            Cell(str(row.n), row.n),
            Cell(percent(row.difference), row.difference, interval(row.difference_speaker_ci)),
            p(row.p_value),
            p(row.p_holm),
        ]
        for row in made
    ]
    heads = ["attack", "against", "target"]
    return Table("pairs", CAPTION, heads, [("", ("n", "difference", "p", "p, Holm"))], rows, [])
