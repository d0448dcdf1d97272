"""What the page of an evaluation shows at each budget, and of groups, corruptions and decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from staanet.assessment.corrupted import Corrupted
from staanet.assessment.measurement import Row
from staanet.assessment.page import wording
from staanet.assessment.page.chart import share_of, size_of
from staanet.assessment.page.wording import Gap
from staanet.assessment.result import Evaluation, Point, groupings, robust
from staanet.attacks import ATTACKS
from staanet.audio.corruptions import CORRUPTIONS


@dataclass(frozen=True)
class Cell:
    """One number of a table of decisions.

    Args:
        count: Number of clips.
        level: Share of the clips of the emotion in tenths, from 0 to 10.
        right: Whether the decision is right.
    """

    count: int
    level: int
    right: bool


Matrix = Mapping[str, Sequence[Cell]]


@dataclass(frozen=True)
class Shares:
    """Robust accuracy by group at one budget, worst first: name, accuracy under attack, clean, and number of clips."""

    by: str
    rows: Sequence[tuple[str, float, float, int]]


@dataclass(frozen=True)
class Panel:
    """What the page shows at one budget.

    Args:
        key: Its name on the page.
        kind: `dense` or `sparse`.
        number: Its number among the budgets of this kind.
        point: Its figures.
        short: The budget in a word or two.
        plain: What that is as a share of the peak; empty if the page says it elsewhere.
        sentence: The result.
        attacks: Name, summary and source of each attack with the number of clips that it fooled first.
        matrix: Decisions under attack; None if they are not known.
        groups: Robust accuracy by group.
    """

    key: str
    kind: str
    number: int
    point: Point
    short: str
    plain: str
    sentence: str
    attacks: Sequence[tuple[str, str, str, int]]
    matrix: Matrix | None
    groups: Sequence[Shares]


def panels(found: Evaluation, rows: Sequence[Row]) -> list[Panel]:
    """Return what the page shows at each budget, in the order of the curve."""
    made = []
    numbers = {"dense": 0, "sparse": 0}
    for place, point in enumerate(found.curve):
        kind = "dense" if point.sparsity == 1 else "sparse"
        number, numbers[kind] = numbers[kind], numbers[kind] + 1
        made.append(
            Panel(
                key=f"at-{place}",
                kind=kind,
                number=number,
                point=point,
                short=f"{point.snr_db:g} dB" if kind == "dense" else share_of(point.sparsity),
                plain=size_of(point.snr_db) if kind == "dense" else "",
                sentence=wording.result(found, point),
                attacks=[
                    (name, _summary(ATTACKS[name]), ATTACKS[name].reference, count)
                    for name, count in point.attacks.items()
                ],
                matrix=matrix(point.decisions) if _complete(point.decisions, found.confusion) else None,
                groups=_groups(rows, robust(rows, kind, number)),
            )
        )
    return made


def gaps(found: Evaluation, rows: Sequence[Row]) -> list[Gap]:
    """Return the largest gap of each division of the clips over all budgets at which every sample may change."""
    points = [point for point in found.curve if point.sparsity == 1]
    values = np.stack([robust(rows, "dense", number) for number in range(len(points))], 1)  # [clips, budgets]
    made = []
    for grouping in groupings(rows):
        largest = grouping.largest_gap(values)
        if largest is None:
            continue
        shares = [{kind: share for kind, (share, _) in grouping.shares(one).items()} for one in values.T]
        place = max(range(len(points)), key=lambda number: max(shares[number].values()) - min(shares[number].values()))
        ordered = sorted(shares[place].items(), key=lambda item: item[1])
        made.append(Gap(grouping.by, points[place].name, ordered[0], ordered[-1], largest.by_chance, largest.p_value))
    return made


def matrix(decisions: Mapping[str, Mapping[str, int]]) -> dict[str, list[Cell]]:
    """Return a table of decisions, each row with the clips of one emotion."""
    made = {}
    for label, counts in decisions.items():
        clips = max(1, sum(counts.values()))
        made[label] = [Cell(count, round(10 * count / clips), other == label) for other, count in counts.items()]
    return made


def by_corruption(found: Evaluation) -> list[tuple[str, str, list[Corrupted]]]:
    """Return name, summary and figures by severity of each corruption, that with the lowest accuracy first."""
    names = {one.corruption for one in found.corruptions}
    series = {
        name: sorted((one for one in found.corruptions if one.corruption == name), key=lambda one: one.severity)
        for name in names
    }
    ordered = sorted(series, key=lambda name: (min(one.accuracy for one in series[name]), name))
    return [(wording.plain(name), _summary(CORRUPTIONS[name]), series[name]) for name in ordered]


def _summary(entry: type) -> str:
    """Return the first line of the documentation of an entry of a registry."""
    return str(entry.__doc__).strip().splitlines()[0]


def _complete(decisions: Mapping[str, Mapping[str, int]], clean: Mapping[str, Mapping[str, int]]) -> bool:
    """Return whether the decision on every clip is known, which earlier versions did not keep."""
    return bool(decisions) and all(sum(decisions[label].values()) == sum(clean[label].values()) for label in clean)


def _groups(rows: Sequence[Row], values: NDArray[np.float64]) -> list[Shares]:
    clean = [float(row.right) for row in rows]
    made = []
    for grouping in groupings(rows):
        before, after = grouping.shares(clean), grouping.shares(values)
        shares = [(kind, share, before[kind][0], count) for kind, (share, count) in after.items()]
        made.append(Shares(grouping.by, sorted(shares, key=lambda row: (row[1], row[0]))))
    return made
