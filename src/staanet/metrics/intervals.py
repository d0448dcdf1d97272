"""What a number from n clips can say: intervals at 95 %, each with what it assumes."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from staanet.metrics.outcome import Floats, Integers

Z = 1.959963984540054
POWER_Z = 0.8416212335729143  # of a power of 80 %

SPEAKERS = 8
"""With fewer test speakers their spread cannot be estimated."""

DRAWS = 2000


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return Wilson's score interval of a share of `n` independent clips (E. B. Wilson, JASA 22, 1927).

    >>> [round(limit, 4) for limit in wilson(0.5, 100)]
    [0.4038, 0.5962]
    """
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))  # whatever is lost in rounding


def paired(differences: Floats) -> tuple[float, float]:
    """Return the adjusted Wald interval of the mean of paired differences in [-1, 1], clips independent.

    One clip of each extreme is added, so that a difference seen on every clip, or on none, still has a width
    (D. G. Bonett, R. M. Price, Journal of Educational and Behavioral Statistics 37, 2012).

    >>> [round(limit, 3) for limit in paired(np.zeros(98))]
    [-0.028, 0.028]
    """
    extended = np.concatenate([differences, [-1.0, 1.0]])
    half = Z * float(extended.std()) / math.sqrt(len(extended))
    mean = float(extended.mean())
    return max(-1.0, mean - half), min(1.0, mean + half)


def by_speaker(values: Floats, speakers: Sequence[str], low: float) -> tuple[float, float]:
    """Return an interval of the mean of `values` that lets clips of one speaker resemble each other.

    The mean's variance is the one between speakers, by linearisation, with Student's t of one degree of freedom less
    than there are speakers (W. G. Cochran, Sampling Techniques, 3rd ed., 1977, section 9A).

    Args:
        values: one per clip, in [low, 1].
        speakers: who says each clip; two or more different ones.
        low: the least that a value can be.

    >>> clips = np.array([0.0, 1.0, 1.0, 1.0])
    >>> [round(limit, 3) for limit in by_speaker(clips, ["a", "a", "b", "b"], low=0.0)]
    [0.0, 1.0]
    """
    names, member = np.unique(np.asarray(speakers), return_inverse=True)
    count = len(names)
    mean = float(values.mean())
    sums = np.bincount(member, weights=values - mean, minlength=count)
    error = math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(values)
    half = float(stats.t.ppf(0.975, count - 1)) * error
    return max(low, mean - half), min(1.0, mean + half)


def stratified(values: Floats, labels: Integers, seed: int = 0) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean, clips drawn anew within each class.

    For few speakers: it lets nothing vary but the clips, and so says nothing of other speakers
    (B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap, 1993).

    >>> stratified(np.ones(5), np.array([0, 0, 1, 1, 1]))
    (1.0, 1.0)
    """
    random = np.random.default_rng(seed)
    total = np.zeros(DRAWS)
    for label in np.unique(labels):
        members = values[labels == label]
        total += members[random.integers(len(members), size=(DRAWS, len(members)))].sum(1)
    low, high = np.quantile(total / len(values), (0.025, 0.975))
    return float(low), float(high)


def beyond_clips(
    values: Floats, labels: Integers, speakers: Sequence[str], independent: tuple[float, float], low: float
) -> tuple[float, float]:
    """Return an interval that does not lean on clips being independent, never narrower than the one that does.

    It spans `independent` and the interval by speaker, or, with fewer than eight speakers, the one of clips within
    their classes; so that a share of 0 or 1, where speakers show no spread, still has a width.

    Args:
        values: one per clip, in [low, 1].
        labels: the class of each clip.
        speakers: who says each clip.
        independent: the interval that takes clips as independent.
        low: the least that a value can be: 0 of a share, -1 of a difference.

    >>> clips = np.array([0, 0, 1, 1])
    >>> beyond_clips(np.zeros(4), clips, ["a", "a", "b", "b"], independent=(0.0, 0.49), low=0.0)
    (0.0, 0.49)
    """
    few = len(set(speakers)) < SPEAKERS
    other = stratified(values, labels) if few else by_speaker(values, speakers, low)
    return min(independent[0], other[0]), max(independent[1], other[1])


def detectable(differences: Floats) -> float:
    """Return the smallest difference that as many clips as these would show in 80 % of repetitions, at 5 % two-sided.

    From the spread of the differences themselves, one clip of each extreme added as in `paired`.

    >>> round(detectable(np.tile([0.0, 1.0], 100)), 3)
    0.1
    """
    extended = np.concatenate([differences, [-1.0, 1.0]])
    return (Z + POWER_Z) * float(extended.std()) / math.sqrt(len(extended))


def sign_test(differences: Floats) -> float:
    """Return the exact two-sided p-value that clips changed by one alone favour neither: McNemar's test.

    Source: Q. McNemar, Psychometrika 12, 1947; the exact form of the binomial test.

    >>> round(sign_test(np.array([1.0, 1, 1, 1, 1, 0, 0])), 4)
    0.0625
    """
    more, less = int((differences > 0).sum()), int((differences < 0).sum())
    return float(stats.binomtest(more, more + less).pvalue) if more + less else 1.0
