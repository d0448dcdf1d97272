"""The result of an evaluation: its figures with intervals, computed from the results of the clips."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy.stats import binomtest

from staanet.assessment.measurement import Row
from staanet.assessment.settings import Curves
from staanet.metrics.groups import largest_gap
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
        attack: Attack that fools most clips first at this or a smaller budget; None if no clip is fooled.
    """

    snr_db: float
    sparsity: float
    accuracy_robust: float
    accuracy_robust_ci: Interval
    uar_robust: float
    accuracy_noise: float
    accuracy_noise_ci: Interval
    attack: str | None

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
    """Return the figures of an evaluation."""
    right = np.array([row.right for row in rows], dtype=np.float64)
    curve = [
        _point(rows, kind, number, snr, sparsity)
        for kind, budgets in (
            ("dense", [(snr, 1.0) for snr in curves.dense]),
            ("sparse", [(curves.sparse_snr_db, share) for share in curves.sparse]),
        )
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
        confusion={
            label: {other: sum((row.label, row.predicted) == (label, other) for row in rows) for other in labels}
            for label in labels
        },
        flags=flags,
        about=about,
    )


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


def _point(rows: Sequence[Row], kind: str, number: int, snr: float, sparsity: float) -> Point:
    values = robust(rows, kind, number)
    noise = np.array([getattr(row, kind).noise[number] for row in rows], dtype=np.float64)
    found = [getattr(row, kind) for row in rows if row.right]
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
    )


def _groups(rows: Sequence[Row], values: Any) -> list[Group]:
    """Return the gaps between groups of which there are two or more."""
    by: dict[str, Callable[[Row], str | None]] = {
        "emotion": lambda row: row.label,
        "speaker": lambda row: row.speaker,
        "gender": lambda row: row.gender,
        "language": lambda row: row.language,
    }
    groups = []
    for name, of in by.items():
        known = [(row, value, of(row)) for row, value in zip(rows, values, strict=True) if of(row) is not None]
        kinds = [str(kind) for _, _, kind in known]
        if len(set(kinds)) < 2:
            continue
        of_speakers = name in ("gender", "language") and all(
            len({kind for row, _, kind in known if row.speaker == speaker}) == 1
            for speaker in {row.speaker for row, _, _ in known}
        )
        units = [row.speaker if of_speakers else row.id for row, _, _ in known]
        found = largest_gap(np.array([value for _, value, _ in known]), kinds, units)
        if found is None:
            continue
        shares = {
            kind: (
                float(np.mean([value for (_, value, _), own in zip(known, kinds, strict=True) if own == kind])),
                kinds.count(kind),
            )
            for kind in sorted(set(kinds))
        }
        groups.append(Group(name, shares, found.gap, found.by_chance, found.p_value))
    return groups
