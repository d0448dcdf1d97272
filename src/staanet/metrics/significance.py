"""Tests of differences, and what is left of them where many are made at once."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from staanet.metrics.outcome import Floats, Integers

PERMUTATIONS = 9999
"""Drawn where there are more."""


def by_permutation(values: Floats, speakers: Sequence[str], groups: Sequence[str], seed: int = 0) -> float | None:
    """Return the two-sided p-value that the means of two groups of speakers differ by chance alone.

    Speakers, not clips, are dealt anew to the groups, as many to each as there were, so that clips of a speaker may
    resemble each other: in all ways, or in 9999 drawn ones (P. I. Good, Permutation, Parametric and Bootstrap Tests of
    Hypotheses, 3rd ed., 2005). None where a group has fewer than two speakers.

    Args:
        values: one per clip.
        speakers: who says each clip.
        groups: of each speaker, one of two names.
        seed: of the ways that are drawn.

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


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for being made together (S. Holm, Scandinavian Journal of Statistics 6, 1979).

    The chance that any difference is claimed where there is none stays below the level.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = largest
    return corrected
