"""Attack against attack on the same clips, with what so many clips could have told apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from staanet.core.records import NO_SOURCE, Interval, Record
from staanet.evaluation.case import Rows
from staanet.metrics import beyond_clips, detectable, paired, sign_test
from staanet.report.tables import grid
from staanet.report.wording import budget, interval, percent, said

HEADINGS = ("attack", "against", "source", "target", "budget", "n", "difference", "p", "detectable")


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


def comparisons(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[Comparison]:
    """Compare, within each source, target and budget, the attack that comes first with all others.

    Args:
        records: pooled, in the order of their experiment.
        outcomes: returns the rows of a record.
    """
    made = []
    for first in records:
        rivals = [r for r in records if _place(r) == _place(first) and r.source in (first.source, NO_SOURCE)]
        earlier = records[: records.index(first)]
        if first.source == NO_SOURCE or any((_place(r), r.source) == (_place(first), first.source) for r in earlier):
            continue
        own = outcomes(first)
        made += [_comparison(first, other, own, outcomes(other)) for other in rivals if other is not first]
    return made


def _place(record: Record) -> tuple[object, ...]:
    """Return what two records have in common that can be compared clip by clip."""
    return (record.target, budget(record), record.corpus, record.protocol, record.split, record.defence)


def _comparison(first: Record, other: Record, own: Rows, others: Rows) -> Comparison:
    fooled = {row["id"]: row["predicted_adv"] != row["predicted_clean"] for row in others}
    differences = np.array([float(row["predicted_adv"] != row["predicted_clean"]) - fooled[row["id"]] for row in own])
    labels, speakers = np.array([row["label"] for row in own]), [row["speaker"] for row in own]
    return Comparison(
        attack=first.attack,
        other=other.attack,
        source=first.source,
        target=first.target,
        budget=budget(first),
        n=len(differences),
        difference=float(differences.mean()),
        difference_speaker_ci=beyond_clips(differences, labels, speakers, paired(differences)),
        p_value=sign_test(differences),
        detectable=detectable(differences),
    )


def markdown(made: Sequence[Comparison]) -> str:
    """Return the comparisons as GitHub's Markdown."""
    caption = (
        "Difference of the ASRs in points, paired by clip, with its 95 % interval that lets clips of a speaker "
        "resemble each other; the exact p-value of McNemar's test; and the smallest difference that so many clips would have "
        "shown in 80 % of repetitions."
    )
    return caption + "\n\n" + grid(HEADINGS, [texts(comparison) for comparison in made], words=5)


def texts(comparison: Comparison) -> list[str]:
    """Return the cells of a comparison's row."""
    p_value = "< 0.001" if comparison.p_value < 0.001 else f"{comparison.p_value:.3f}"
    return [
        *(comparison.attack, comparison.other, comparison.source, comparison.target, comparison.budget),
        said(comparison.n),
        f"{percent(comparison.difference)} {interval(comparison.difference_speaker_ci)}",
        p_value,
        percent(comparison.detectable),
    ]
