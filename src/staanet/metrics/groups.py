"""Gaps between groups of speakers, such as genders or ages, and how large a gap arises without any difference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from staanet.core.errors import StaanetError
from staanet.metrics.outcome import Floats

PERMUTATIONS = 9999
"""Number of random assignments of speakers to groups."""


@dataclass(frozen=True)
class LargestGap:
    """The largest gap between the means of groups, and its distribution if groups made no difference.

    Args:
        gap: Largest difference between the means of two groups.
        by_chance: 95 % quantile of the largest gap when speakers are assigned to groups at random.
        p_value: Probability of a gap of at least this size under such assignments.
    """

    gap: float
    by_chance: float
    p_value: float


def largest_gap(values: Floats, groups: Sequence[str], speakers: Sequence[str], seed: int = 0) -> LargestGap | None:
    """Return the largest gap between groups, with its distribution under random assignments of speakers to groups.

    Whole speakers are permuted, so that clips of one speaker may depend on each other, and groups keep their numbers
    of speakers. If there are several cases, the gap is the largest over all of them, so that the p-value allows for
    having looked at all (P. H. Westfall, S. S. Young, Resampling-Based Multiple Testing, 1993). The p-value counts the
    observed assignment (B. Phipson, G. K. Smyth, Statistical Applications in Genetics and Molecular Biology 9, 2010).
    The result is None if there are fewer than two groups.

    Args:
        values: One value per clip, `[N]`, or one per clip and case, `[N, cases]`.
        groups: Group of the speaker of each clip.
        speakers: Speaker of each clip, who is the unit of permutation; a corpus or any other unit may take their place.
        seed: Seed of the random assignments.

    Raises:
        StaanetError: The clips of a speaker are in more than one group.

    >>> voices = [f"{sex}{voice}" for sex in "mf" for voice in range(5) for clip in range(4)]
    >>> gap = largest_gap(np.repeat([1.0, 0.0], 20), [voice[0] for voice in voices], voices)
    >>> gap.gap, round(gap.by_chance, 1), gap.p_value < 0.05
    (1.0, 0.6, True)
    """
    names, first, member = np.unique(np.asarray(speakers), return_index=True, return_inverse=True)
    kinds, group = np.unique(np.asarray(groups), return_inverse=True)
    if (split := group != group[first][member]).any():
        raise StaanetError(f"expected every speaker in one group, got {names[member[split][0]]} in two")
    if len(kinds) < 2:
        return None
    values = np.asarray(values, dtype=np.float64).reshape(len(speakers), -1)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, member, values)
    clips = np.bincount(member).astype(np.float64)
    observed = group[first][None]
    drawn = np.random.default_rng(seed).permuted(observed.repeat(PERMUTATIONS, 0), axis=1)
    (gap,), by_chance = _gaps(observed, sums, clips), _gaps(drawn, sums, clips)
    reached = int((by_chance >= gap - 1e-12).sum())
    return LargestGap(float(gap), float(np.quantile(by_chance, 0.95)), (1 + reached) / (1 + PERMUTATIONS))


def _gaps(assigned: NDArray[np.intp], sums: Floats, clips: Floats) -> Floats:
    """Return the largest gap of each assignment `[A, speakers]` of speakers to groups, `[A]`."""
    members = ((assigned == kind).astype(np.float64) for kind in range(assigned.max() + 1))
    means = np.stack([member @ sums / (member @ clips)[:, None] for member in members])  # [groups, A, cases]
    gaps: Floats = np.ptp(means, axis=0).max(1)
    return gaps
