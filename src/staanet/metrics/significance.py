"""Tests of differences between groups, speakers or trainings, and the correction of p-values for multiple tests."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from staanet.metrics.intervals import Z
from staanet.metrics.outcome import Floats, Integers

PERMUTATIONS = 9999
"""Number of random permutations if there are more than this many."""


def by_permutation(values: Floats, speakers: Sequence[str], groups: Sequence[str], seed: int = 0) -> float | None:
    """Return the two-sided p-value of a permutation test of the difference in means between two groups of speakers.

    Speakers rather than clips are permuted, so that clips of one speaker may depend on each other. All permutations
    count, or 9999 random ones if there are more (P. I. Good, Permutation, Parametric and Bootstrap Tests of Hypotheses,
    3rd ed., 2005). The result is None if a group has fewer than two speakers.

    Args:
        values: One value per clip.
        speakers: Speaker of each clip.
        groups: Group of the speaker of each clip, one of two names.
        seed: Seed of the random permutations.

    >>> voices = [f"{sex}{voice}" for sex in "mf" for voice in range(5) for clip in range(4)]
    >>> round(by_permutation(np.repeat([1.0, 0.0], 20), voices, [voice[0] for voice in voices]), 4)
    0.0079
    """
    names, member = np.unique(np.asarray(speakers), return_inverse=True)
    sums, counts = np.bincount(member, weights=values), np.bincount(member)
    group_of = dict(zip(speakers, groups, strict=True))
    sides = [np.flatnonzero([group_of[name] == group for name in names]) for group in sorted(set(groups))]
    if len(sides) != 2 or min(map(len, sides)) < 2:
        return None

    def difference(one: Integers, other: Integers, axis: int) -> Floats:
        means = [sums[side].sum(axis) / counts[side].sum(axis) for side in (one, other)]
        return np.asarray(means[0] - means[1])

    random = np.random.default_rng(seed)
    test = stats.permutation_test(sides, difference, vectorized=True, n_resamples=PERMUTATIONS, rng=random)
    return float(test.pvalue)


def speaker_test(differences: Floats, speakers: Sequence[str]) -> float:
    """Return the two-sided p-value of a t test of paired differences in which speakers, not clips, are independent.

    It tests the sums of the speakers, and belongs to the interval of `by_speaker` (W. G. Cochran, Sampling Techniques,
    3rd ed., 1977, section 9A).

    Args:
        differences: One difference per clip.
        speakers: Speaker of each clip; two or more different ones.

    >>> round(speaker_test(np.array([1.0, 0, 1, 1, 0, 1, 1, 0]), ["a", "a", "b", "b", "c", "c", "d", "d"]), 4)
    0.0154
    """
    sums = np.bincount(np.unique(np.asarray(speakers), return_inverse=True)[1], weights=differences)
    if not np.ptp(sums):
        return float(not sums[0])
    return float(stats.ttest_1samp(sums, 0.0).pvalue)


def welch(one: Floats, two: Floats) -> tuple[tuple[float, float], float]:
    """Return the 95 % interval of the difference of two means, second minus first, and its two-sided p-value.

    Source: B. L. Welch, Biometrika 34, 1947. Without any spread, the interval has no width.

    Args:
        one: Independent values in [0, 1], such as the accuracy of each training; two or more.
        two: The same of the others.

    >>> bounds, p_value = welch(np.array([0.4, 0.5, 0.6]), np.array([0.7, 0.8, 0.9]))
    >>> [round(limit, 3) for limit in bounds], round(p_value, 4)
    ([0.073, 0.527], 0.0213)
    """
    if not np.ptp(one) and not np.ptp(two):
        difference = float(two[0] - one[0])
        return (difference, difference), float(not difference)
    test = stats.ttest_ind(two, one, equal_var=False)
    bounds = test.confidence_interval(0.95)
    return (max(-1.0, float(bounds.low)), min(1.0, float(bounds.high))), float(test.pvalue)


def both_sources(
    difference: float, one: tuple[float, float], two: tuple[float, float]
) -> tuple[tuple[float, float], float]:
    """Return the 95 % interval of a difference with two independent sources of chance, and its two-sided p-value.

    The distances of the bounds add up in squares, on each side by itself (G. Y. Zou, A. Donner, Statistics in Medicine
    27, 2008): the wider of two intervals covers one source only.

    Args:
        difference: The difference, in [-1, 1].
        one: Its 95 % interval by one source, such as the clips.
        two: The same by the other, such as the trainings.

    >>> bounds, p_value = both_sources(0.5, (0.2, 0.8), (0.1, 0.9))
    >>> [round(limit, 3) for limit in bounds], round(p_value, 3)
    ([0.0, 1.0], 0.05)
    """
    below, above = (math.hypot(one[side] - difference, two[side] - difference) for side in (0, 1))
    towards = below if difference > 0 else above
    p_value = 2 * stats.norm.sf(Z * abs(difference) / towards) if towards else float(not difference)
    return (max(-1.0, difference - below), min(1.0, difference + above)), float(p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for multiple tests (S. Holm, Scandinavian Journal of Statistics 6, 1979).

    The correction bounds the probability that any of the tests claims a difference where there is none.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = largest
    return corrected
