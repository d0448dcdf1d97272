"""The result of an evaluation: its figures with intervals, computed from the results of the clips."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy.stats import binomtest

from staanet.assessment.attackers import check_adaptive
from staanet.assessment.measurement import Row
from staanet.assessment.settings import Curves
from staanet.metrics.groups import LargestGap, largest_gap
from staanet.metrics.intervals import beyond_clips
from staanet.metrics.success import mean_recall

Interval = tuple[float, float]


@dataclass(frozen=True)
class Point:
    """One budget of the curve.

    Args:
        snr_db: Peak SNR in dB of the largest change.
        sparsity: Share of the samples that may change; 0 stands for one sample.
        accuracy_robust: Share of the clips that are right clean and under every attack of the ensemble at this budget
            and all smaller ones.
        accuracy_robust_ci: Its 95 % interval, which allows for clips of one speaker being alike.
        uar_robust: The same as the mean over emotions.
        accuracy_noise: Share of the clips that are right under random signs of this size.
        accuracy_noise_ci: Its 95 % interval.
        attack: Attack that found the smallest budget for most clips; None if no clip is fooled.
        attacks: Number of clips for which each attack found the smallest budget, this or a smaller one, most first.
        decisions: Number of clips by emotion and by decision under the attacks at this budget.
        attackers: Robust accuracy under each attacker alone, if there are several; `accuracy_robust` is about the worst
            of them for each clip.
    """

    snr_db: float
    sparsity: float
    accuracy_robust: float
    accuracy_robust_ci: Interval
    uar_robust: float
    accuracy_noise: float
    accuracy_noise_ci: Interval
    attack: str | None
    attacks: Mapping[str, int] = field(default_factory=dict)
    decisions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    attackers: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The budget as text, such as `40 dB` or `17 dB, 1 % of the samples`."""
        return budget_name(self.snr_db, self.sparsity)


@dataclass(frozen=True)
class Group:
    """The largest gap of robust accuracy between groups of clips.

    Args:
        by: What divides the clips: emotion, speaker, gender or language.
        shares: Robust accuracy and number of clips of each group.
        gap: Largest difference between two groups.
        by_chance: 95 % quantile of the largest difference if groups made none.
        p_value: Probability of so large a gap if groups made no difference.
    """

    by: str
    shares: Mapping[str, tuple[float, int]]
    gap: float
    by_chance: float
    p_value: float


@dataclass(frozen=True)
class Evaluation:
    """How robust a model is on some clips; `evaluation.json` has these fields.

    Args:
        model: Name of the model.
        n: Number of clips.
        accuracy_clean: Share of the clips that the model classifies correctly.
        accuracy_clean_ci: Its 95 % interval.
        uar_clean: Mean over the emotions of the share of their clips that are right.
        accuracy_robust: Robust accuracy at the reference budget.
        accuracy_robust_ci: Its 95 % interval.
        uar_robust: The same as the mean over emotions.
        accuracy_noise: Share of the clips that are right under noise of the size of the reference budget.
        chance: Accuracy of a guess, 1 / K for K emotions.
        reference: Name of the reference budget.
        curve: Figures at every budget: first those at which every sample may change, then those for few samples.
        groups: Gaps of robust accuracy between groups at the reference budget.
        confusion: Number of clips by emotion and by decision on the clean clip.
        corruptions: Figures under every corruption that nobody intends.
        flags: Meaning of each sign that the numbers say little, by its name.
        verdict: Result of every threshold that the user stated; empty without one.
        baseline: Comparison with an earlier evaluation (`Comparison`), None without one.
        certificate: What is proven at the same budgets (`Proven`), None without a certificate.
        about: Settings, versions, hashes and counts.
    """

    model: str
    n: int
    accuracy_clean: float
    accuracy_clean_ci: Interval
    uar_clean: float
    accuracy_robust: float
    accuracy_robust_ci: Interval
    uar_robust: float
    accuracy_noise: float
    chance: float
    reference: str
    curve: Sequence[Point]
    groups: Sequence[Group]
    confusion: Mapping[str, Mapping[str, int]]
    flags: Mapping[str, str]
    corruptions: Sequence[Any] = ()
    verdict: Sequence[Any] = ()
    baseline: Any = None
    certificate: Any = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


def evaluation(
    model: str,
    rows: Sequence[Row],
    curves: Curves,
    labels: Sequence[str],
    flags: Mapping[str, str],
    about: Mapping[str, Any],
) -> Evaluation:
    """Return the figures of an evaluation.

    Raises:
        StaanetError: If no attacker knows the defence of the model.
    """
    if names := {name for row in rows for name in row.dense.attackers}:
        check_adaptive(names)
    right = np.array([row.right for row in rows], dtype=np.float64)
    curve = [
        _point(rows, kind, number, snr, sparsity, labels)
        for kind, budgets in budgets_of(asdict(curves)).items()
        for number, (snr, sparsity) in enumerate(budgets)
    ]
    place = curves.dense.index(curves.reference_db)
    reference = curve[place]
    return Evaluation(
        model=model,
        n=len(rows),
        accuracy_clean=float(right.mean()),
        accuracy_clean_ci=interval(right, rows),
        uar_clean=_uar(right, rows),
        accuracy_robust=reference.accuracy_robust,
        accuracy_robust_ci=reference.accuracy_robust_ci,
        uar_robust=reference.uar_robust,
        accuracy_noise=reference.accuracy_noise,
        chance=1 / len(labels),
        reference=reference.name,
        curve=curve,
        groups=_groups(rows, robust(rows, "dense", place)),
        confusion=_decisions([(row.label, row.predicted) for row in rows], labels),
        flags=flags,
        about=about,
    )


def budgets_of(curves: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Return the peak SNR in dB and the sparsity of every budget of curves: those on all samples, and on few.

    >>> budgets_of({"dense": [60, 40], "sparse": [0, 0.01], "sparse_snr_db": 17})
    {'dense': [(60, 1.0), (40, 1.0)], 'sparse': [(17, 0), (17, 0.01)]}
    """
    return {
        "dense": [(snr, 1.0) for snr in curves["dense"]],
        "sparse": [(curves["sparse_snr_db"], share) for share in curves["sparse"]],
    }


def budget_name(snr_db: float, sparsity: float) -> str:
    """Return a budget as text.

    >>> budget_name(40, 1), budget_name(17, 0.01), budget_name(17, 0)
    ('40 dB', '17 dB, 1 % of the samples', '17 dB, one sample')
    """
    if sparsity == 1:
        return f"{snr_db:g} dB"
    share = "one sample" if sparsity == 0 else f"{100 * sparsity:g} % of the samples"
    return f"{snr_db:g} dB, {share}"


def robust(rows: Sequence[Row], kind: str, number: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return 1 for each clip that is right clean and under the attacks at a budget and all smaller ones, else 0."""
    return np.array([row.right and getattr(row, kind).smallest > number for row in rows], dtype=np.float64)


def interval(values: Any, rows: Sequence[Row], level: float = 0.95) -> Interval:
    """Return an interval of a share of clips that allows for clips of one speaker being alike.

    Args:
        values: 1 or 0 for each clip.
        rows: The results of the clips.
        level: Its probability to contain the share; above 0.95 for several comparisons.
    """
    independent = binomtest(int(values.sum()), len(values)).proportion_ci(level, method="wilson")
    bounds = (float(independent.low), float(independent.high))
    labels = np.unique([row.label for row in rows], return_inverse=True)[1]
    low, high = beyond_clips(values, labels, [row.speaker for row in rows], bounds, low=0.0, level=level)
    return max(0.0, low), min(1.0, high)


def _uar(values: Any, rows: Sequence[Row]) -> float:
    """Return the mean over the emotions of the share of their clips whose value is 1."""
    names = np.unique([row.label for row in rows], return_inverse=True)[1]
    return float(mean_recall(names, np.where(values == 1, names, -1)))


def under_attack(row: Row, kind: str, number: int) -> str | None:
    """Return the decision on a clip under the attacks at a budget; None if an earlier version did not keep it.

    Args:
        row: The results of the clip.
        kind: `dense` or `sparse`.
        number: Number of the budget.
    """
    found = getattr(row, kind)
    return found.decided if row.right and found.smallest <= number else row.predicted


def _decisions(pairs: Sequence[tuple[str, str | None]], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the number of pairs of an emotion and a decision."""
    counts = Counter(pairs)
    return {label: {other: counts[label, other] for other in labels} for label in labels}


def _point(rows: Sequence[Row], kind: str, number: int, snr: float, sparsity: float, labels: Sequence[str]) -> Point:
    values = robust(rows, kind, number)
    noise = np.array([getattr(row, kind).noise[number] for row in rows], dtype=np.float64)
    found = [getattr(row, kind) for row in rows if row.right]
    names = list(dict.fromkeys(name for one in found for name in one.attackers))
    attacks = Counter(one.attack for one in found if one.attack and one.smallest <= number)
    return Point(
        snr_db=snr,
        sparsity=sparsity,
        accuracy_robust=float(values.mean()),
        accuracy_robust_ci=interval(values, rows),
        uar_robust=_uar(values, rows),
        accuracy_noise=float(noise.mean()),
        accuracy_noise_ci=interval(noise, rows),
        attack=attacks.most_common(1)[0][0] if attacks else None,
        attacks=dict(attacks.most_common()),
        decisions=_decisions([(row.label, under_attack(row, kind, number)) for row in rows], labels),
        attackers={name: sum(one.attackers[name] > number for one in found) / len(rows) for name in names},
    )


@dataclass(frozen=True)
class Grouping:
    """A division of clips into two groups or more.

    Args:
        by: What divides the clips: emotion, speaker, gender or language.
        places: Number of each row whose group is known.
        kinds: Its group.
        units: What is assigned to groups at random for the null: the speaker if groups are of speakers, else the clip.
    """

    by: str
    places: Sequence[int]
    kinds: Sequence[str]
    units: Sequence[str]

    def shares(self, values: Any) -> dict[str, tuple[float, int]]:
        """Return the mean of the values of the clips `[N]` of each group, and their number."""
        own = np.asarray(values)[list(self.places)]
        kinds = np.asarray(self.kinds)
        return {str(kind): (float(own[kinds == kind].mean()), int((kinds == kind).sum())) for kind in np.unique(kinds)}

    def largest_gap(self, values: Any) -> LargestGap | None:
        """Return the largest gap between groups, over all cases if there are several.

        Args:
            values: One value per clip, `[N]`, or one per clip and case, `[N, cases]`.
        """
        return largest_gap(np.asarray(values)[list(self.places)], self.kinds, self.units)


def groupings(rows: Sequence[Row]) -> list[Grouping]:
    """Return the divisions of clips into groups of which there are two or more."""
    by: dict[str, Callable[[Row], str | None]] = {
        "emotion": lambda row: row.label,
        "speaker": lambda row: row.speaker,
        "gender": lambda row: row.gender,
        "language": lambda row: row.language,
    }
    found = []
    for name, of in by.items():
        known = [(place, row, str(of(row))) for place, row in enumerate(rows) if of(row) is not None]
        if len({kind for _, _, kind in known}) < 2:
            continue
        of_speakers = name in ("gender", "language") and all(
            len({kind for _, row, kind in known if row.speaker == speaker}) == 1
            for speaker in {row.speaker for _, row, _ in known}
        )
        units = [row.speaker if of_speakers else row.id for _, row, _ in known]
        found.append(Grouping(name, [place for place, _, _ in known], [kind for _, _, kind in known], units))
    return found


def _groups(rows: Sequence[Row], values: Any) -> list[Group]:
    """Return the gaps between groups of which there are two or more."""
    pairs = [(grouping, grouping.largest_gap(values)) for grouping in groupings(rows)]
    return [
        Group(grouping.by, grouping.shares(values), found.gap, found.by_chance, found.p_value)
        for grouping, found in pairs
        if found is not None
    ]
