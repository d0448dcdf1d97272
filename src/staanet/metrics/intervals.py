"""Confidence intervals for figures from n clips, tests of differences, and what each of them assumes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from staanet.metrics.outcome import Floats, Integers

Z = 1.959963984540054
POWER_Z = 0.8416212335729143  # for a power of 80 %

SPEAKERS = 8
"""Smallest number of test speakers from which the spread between speakers can be estimated."""

DRAWS = 2000
"""Number of bootstrap samples."""


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the Wilson score interval of a share of `n` independent clips (E. B. Wilson, JASA 22, 1927).

    >>> [round(limit, 4) for limit in wilson(0.5, 100)]
    [0.4038, 0.5962]
    """
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    # The minimum and the maximum keep the share inside despite rounding errors.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def paired(differences: Floats) -> tuple[float, float]:
    """Return the adjusted Wald interval of the mean of paired differences in [-1, 1] of independent clips.

    One clip with each extreme value is added, so that the interval has a width even if the difference is the same on
    all clips (D. G. Bonett, R. M. Price, Journal of Educational and Behavioral Statistics 37, 2012).

    >>> [round(limit, 3) for limit in paired(np.zeros(98))]
    [-0.028, 0.028]
    """
    extended = np.concatenate([differences, [-1.0, 1.0]])
    half = Z * float(extended.std()) / math.sqrt(len(extended))
    mean = float(extended.mean())
    return max(-1.0, mean - half), min(1.0, mean + half)


def by_speaker(values: Floats, speakers: Sequence[str], low: float, level: float = 0.95) -> tuple[float, float]:
    """Return an interval of the mean of `values` that allows for dependence between the clips of one speaker.

    The variance of the mean is estimated from the speakers by linearisation, with Student's t distribution for one
    degree of freedom less than the number of speakers (W. G. Cochran, Sampling Techniques, 3rd ed., 1977, section 9A).

    Args:
        values: One value per clip, in [low, 1].
        speakers: Speaker of each clip; two or more different ones.
        low: Lowest possible value.
        level: Probability that the interval contains the mean.

    >>> clips = np.array([0.0, 1.0, 1.0, 1.0])
    >>> [round(limit, 3) for limit in by_speaker(clips, ["a", "a", "b", "b"], low=0.0)]
    [0.0, 1.0]
    """
    return _by_cluster(values, speakers, low, level)


def by_fold(values: Floats, folds: Sequence[int], low: float) -> tuple[float, float]:
    """Return an interval of the mean of `values` that covers other trainings, with the fold as the unit.

    The clips of a fold share the models and the generator that were trained for it. The variance of the mean of all
    clips is estimated from the folds as in `by_speaker`, with Student's t distribution for one degree of freedom less
    than the number of folds. The interval is never narrower than that of independent clips, which few folds that agree
    by chance would otherwise give.

    Args:
        values: One value per clip, in [low, 1].
        folds: Fold of each clip; two or more different ones.
        low: Lowest possible value: 0 for a share of clips, whose values are 0 or 1; -1 for a difference.

    >>> clips = np.array([0.0, 1.0, 1.0, 0.0])
    >>> [round(limit, 3) for limit in by_fold(clips, [0, 0, 1, 1], low=0.0)]
    [0.15, 0.85]
    """
    independent = paired(values) if low < 0 else wilson(float(values.mean()), len(values))
    other = _by_cluster(values, folds, low)
    return min(independent[0], other[0]), max(independent[1], other[1])


def _by_cluster(values: Floats, clusters: Sequence[Any], low: float, level: float = 0.95) -> tuple[float, float]:
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    count = len(names)
    mean = float(values.mean())
    sums = np.bincount(member, weights=values - mean, minlength=count)
    error = math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(values)
    half = float(stats.t.ppf((1 + level) / 2, count - 1)) * error
    return max(low, mean - half), min(1.0, mean + half)


def stratified(values: Floats, labels: Integers, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean, with clips resampled within each class.

    It is used if there are few speakers. Because only clips are resampled, it says nothing about other speakers
    (B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap, 1993).

    Args:
        values: One value per clip.
        labels: Class of each clip.
        seed: Seed of the bootstrap samples.
        level: Probability that the interval contains the mean.

    >>> stratified(np.ones(5), np.array([0, 0, 1, 1, 1]))
    (1.0, 1.0)
    """
    random = np.random.default_rng(seed)
    total = np.zeros(DRAWS)
    for label in np.unique(labels):
        members = values[labels == label]
        total += members[random.integers(len(members), size=(DRAWS, len(members)))].sum(1)
    low, high = np.quantile(total / len(values), ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def beyond_clips(
    values: Floats,
    labels: Integers,
    speakers: Sequence[str],
    independent: tuple[float, float],
    low: float,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return an interval that does not assume independent clips, and is never narrower than one that does.

    It is the union of `independent` and of the interval by speaker or, with fewer than eight speakers, the bootstrap
    interval within classes. A share of 0 or 1, for which all speakers agree, therefore still has a width.

    Args:
        values: One value per clip, in [low, 1].
        labels: Class of each clip.
        speakers: Speaker of each clip.
        independent: Interval that assumes independent clips.
        low: Lowest possible value: 0 for a share, -1 for a difference.
        level: Probability that the interval contains the mean.

    >>> clips = np.array([0, 0, 1, 1])
    >>> beyond_clips(np.zeros(4), clips, ["a", "a", "b", "b"], independent=(0.0, 0.49), low=0.0)
    (0.0, 0.49)
    """
    few = len(set(speakers)) < SPEAKERS
    other = stratified(values, labels, level=level) if few else by_speaker(values, speakers, low, level)
    return min(independent[0], other[0]), max(independent[1], other[1])


def detectable(differences: Floats) -> float:
    """Return the smallest mean difference that a two-sided test at 5 % detects with a power of 80 %.

    It follows from the number of clips and the spread of the differences, to which one clip with each extreme value is
    added as in `paired`.

    >>> round(detectable(np.tile([0.0, 1.0], 100)), 3)
    0.1
    """
    extended = np.concatenate([differences, [-1.0, 1.0]])
    return (Z + POWER_Z) * float(extended.std()) / math.sqrt(len(extended))


def sign_test(differences: Floats) -> float:
    """Return the two-sided p-value of McNemar's exact test on paired differences, in which ties do not count.

    Source: Q. McNemar, Psychometrika 12, 1947; the exact form is a binomial test.

    >>> round(sign_test(np.array([1.0, 1, 1, 1, 1, 0, 0])), 4)
    0.0625
    """
    more, less = int((differences > 0).sum()), int((differences < 0).sum())
    return float(stats.binomtest(more, more + less).pvalue) if more + less else 1.0
