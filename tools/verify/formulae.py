"""Intervals and tests, written from their definitions. All intervals are at 95 %."""

from collections.abc import Sequence
from functools import lru_cache
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Interval = tuple[float, float]
Array = NDArray[Any]

Z = float(stats.norm.ppf(0.975))
Z_POWER = float(stats.norm.ppf(0.8))

FEW_SPEAKERS = 8
"""Number of speakers below which the spread between speakers is not estimated."""

RESAMPLES = 2000
PERMUTATIONS = 9999


def wilson(share: float, n: int) -> Interval:
    """Return the interval of a share p of n clips: the roots of n (p - share)^2 = z^2 p (1 - p) (Wilson 1927)."""
    squared = Z**2 / n
    root = np.sqrt(squared * (4 * share * (1 - share) + squared))
    low, high = ((2 * share + squared + sign * root) / (2 + 2 * squared) for sign in (-1, 1))
    return max(0.0, min(share, float(low))), min(1.0, max(share, float(high)))


def clopper_pearson(hits: int, n: int) -> Interval:
    """Return the exact binomial interval of a share (Clopper and Pearson 1934), from quantiles of the beta law."""
    low = 0.0 if hits == 0 else float(stats.beta.ppf(0.025, hits, n - hits + 1))
    return low, 1.0 if hits == n else float(stats.beta.ppf(0.975, hits + 1, n - hits))


def adjusted_moments(differences: Array) -> tuple[float, float]:
    """Return mean and standard error of differences to which -1 and 1 are added (Bonett and Price 2012)."""
    n = len(differences) + 2
    mean, square = float(differences.sum()) / n, (float((differences**2).sum()) + 2) / n
    return mean, float(np.sqrt((square - mean**2) / n))


def paired(differences: Array) -> Interval:
    """Return the adjusted Wald interval of a mean difference between pairs (Bonett and Price 2012)."""
    mean, error = adjusted_moments(differences)
    return max(-1.0, mean - Z * error), min(1.0, mean + Z * error)


def detectable(differences: Array) -> float:
    """Return the difference that a two-sided test at 5 % finds with a power of 80 %."""
    return (Z + Z_POWER) * adjusted_moments(differences)[1]


def by_cluster(values: Array, clusters: Array, low: float) -> Interval:
    """Return Student's interval of a mean whose clips are grouped in clusters (Cochran 1977, section 9A).

    The mean is a ratio, total over number of clips, whose variance is linearised: k / (k - 1) times the sum over the k
    clusters of (total of the cluster - its number of clips times the mean)^2, divided by n^2.
    """
    names, n, mean = np.unique(clusters), len(values), float(values.mean())
    k = len(names)
    residuals = [float(values[clusters == name].sum()) - int((clusters == name).sum()) * mean for name in names]
    error = np.sqrt(k / (k - 1) * sum(residual**2 for residual in residuals)) / n
    half = float(stats.t.ppf(0.975, k - 1) * error)
    return max(low, mean - half), min(1.0, mean + half)


def by_fold(values: Array, folds: Array, low: float) -> Interval:
    """Return the interval with the fold as the unit, joined with the one of independent clips."""
    between = by_cluster(values, folds, low)
    clips = wilson(float(np.mean(values)), len(values)) if low == 0 else paired(values)
    return min(between[0], clips[0]), max(between[1], clips[1])


def within_classes(values: Array, labels: Array) -> Interval:
    """Return the percentile bootstrap interval of a mean, with the clips of each class drawn again.

    NumPy's default generator with seed 0 draws, class by class in ascending order, 2000 times as many clips of the
    class as it has.
    """
    weights = _resamples(labels.astype(np.int64).tobytes())
    low, high = np.quantile(weights @ values / len(values), [0.025, 0.975])
    return float(low), float(high)


@lru_cache(maxsize=8)
def _resamples(labels: bytes) -> Array:
    """Return how often each clip is in each bootstrap sample, `[RESAMPLES, n]`."""
    classes = np.frombuffer(labels, np.int64)
    generator, weights = np.random.default_rng(0), np.zeros((RESAMPLES, len(classes)))
    for label in sorted(set(classes.tolist())):
        members = np.flatnonzero(classes == label)
        drawn = generator.integers(len(members), size=(RESAMPLES, len(members)))
        for sample, own in zip(weights, drawn, strict=True):
            sample[members] = np.bincount(own, minlength=len(members))
    return weights


def beyond_clips(values: Array, labels: Array, speakers: Array, independent: Interval, low: float) -> Interval:
    """Return the union of an interval over clips with that by speaker or, for few speakers, that within classes."""
    few = len(set(speakers.tolist())) < FEW_SPEAKERS
    other = within_classes(values, labels) if few else by_cluster(values, speakers, low)
    return min(independent[0], other[0]), max(independent[1], other[1])


def mcnemar(differences: Array) -> float:
    """Return the exact two-sided p-value of McNemar's test: clips that differ favour either side with p = 1/2."""
    more, less = int((differences > 0).sum()), int((differences < 0).sum())
    return min(1.0, 2 * float(stats.binom.cdf(min(more, less), more + less, 0.5)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values after Holm's step-down correction (Holm 1979)."""
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(len(p), 0, -1)))
    return corrected.tolist()


def largest_gap(values: Array, groups: Array, speakers: Array) -> tuple[float, float, float] | None:
    """Return the largest gap between two groups of speakers over several cases, and what chance alone would give.

    That is its 95 % quantile and its p-value among 9999 assignments of speakers to groups, drawn with seed 0 (Westfall
    and Young 1993). None if there are no two groups, or one of a single speaker.

    Args:
        values: One value per clip and case, `[N, cases]`.
        groups: Group of the speaker of each clip.
        speakers: Speaker of each clip.
    """
    names, kinds = np.unique(speakers), np.unique(groups)
    second = np.array([groups[speakers == name][0] == kinds[-1] for name in names])
    if len(kinds) != 2 or min(second.sum(), (~second).sum()) < 2:
        return None
    totals = np.array([values[speakers == name].sum(axis=0) for name in names])
    sizes = np.array([(speakers == name).sum() for name in names], float)[:, None]
    drawn = np.random.default_rng(0).permuted(np.tile(second.astype(np.int64), (PERMUTATIONS, 1)), axis=1) == 1

    def gaps(chosen: Array) -> Array:
        return np.asarray(np.abs(_gap(chosen, totals, sizes)).max(axis=1))

    observed, by_chance = float(gaps(second[None])[0]), gaps(drawn)
    p = (1 + int((by_chance >= observed - 1e-12).sum())) / (1 + PERMUTATIONS)
    return observed, float(np.quantile(by_chance, 0.95)), p


def between_speakers(values: Array, speakers: Array, groups: Array) -> float | None:
    """Return the two-sided p-value of a permutation test of whole speakers between two groups (Good 2005).

    It is twice the smaller share of the permutations whose difference in means is at least as large, or as small, as
    the one observed; among random permutations, the observed one counts as well. None if a group has fewer than two
    speakers.
    """
    sides = [np.unique(speakers[groups == group]) for group in np.unique(groups)]
    if len(sides) != 2 or min(map(len, sides)) < 2:
        return None
    names = np.concatenate(sides)
    totals = np.array([values[speakers == name].sum() for name in names])
    sizes = np.array([(speakers == name).sum() for name in names], float)
    chosen, complete = _permutations(len(sides[0]), len(sides[1]))
    own = np.arange(len(names)) < len(sides[0])
    gaps = _gap(chosen, totals, sizes)
    observed = float(_gap(own[None], totals, sizes)[0])
    slack = 1e-14 * abs(observed)
    extra = 0 if complete else 1
    shares = [(int(hits.sum()) + extra) / (len(gaps) + extra) for hits in _as_extreme(gaps, observed, slack)]
    return min(1.0, 2 * min(shares))


def _as_extreme(gaps: Array, observed: float, slack: float) -> tuple[Array, Array]:
    return gaps >= observed - slack, gaps <= observed + slack


def _gap(chosen: Array, totals: Array, sizes: Array) -> Array:
    """Return mean of the first group minus mean of the second, by which speakers are in the first, `[N, speakers]`."""
    one, two = chosen.astype(float), (~chosen).astype(float)
    return np.asarray((one @ totals) / (one @ sizes) - (two @ totals) / (two @ sizes))


@lru_cache(maxsize=8)
def _permutations(first: int, second: int) -> tuple[Array, bool]:
    """Return which speakers are in the first group in each permutation, and whether these are all permutations.

    They are those that SciPy's permutation test draws with seed 0 if there are more than 9999.
    """
    found: list[Array] = []

    def listen(one: Array, other: Array, axis: int) -> Array:
        if one.ndim == 2:
            found.append(one)
        return np.asarray(one.sum(axis) - other.sum(axis))

    numbers = np.arange(first + second)
    stats.permutation_test(
        [numbers[:first], numbers[first:]],
        listen,
        vectorized=True,
        n_resamples=PERMUTATIONS,
        rng=np.random.default_rng(0),
    )
    members = np.concatenate(found)
    chosen = np.zeros((len(members), first + second), bool)
    np.put_along_axis(chosen, members, True, axis=1)
    return chosen, comb(first + second, first) <= PERMUTATIONS
