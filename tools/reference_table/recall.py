"""The interval of the UAR of an evaluation."""

from collections.abc import Sequence

import numpy as np

from staanet.metrics.intervals import beyond_clips, wilson
from staanet.metrics.outcome import Floats


def uar(values: Floats, labels: Sequence[str], speakers: Sequence[str]) -> tuple[float, float, float]:
    """Return the mean over the emotions of the share of their clips whose value is 1, and its 95 % interval.

    The interval of independent clips is put together from the Wilson intervals of the emotions (G. Y. Zou, A. Donner,
    Statistics in Medicine 27, 2008), so that it has a width even where no clip or every clip is right. It is never
    narrower than one that allows for clips of one speaker being alike.

    Args:
        values: 1 or 0 for each clip.
        labels: Emotion of each clip.
        speakers: Speaker of each clip.

    >>> clips = np.array([1.0, 1.0, 0.0, 0.0])
    >>> [round(value, 2) for value in uar(clips, ["joy", "joy", "joy", "anger"], ["a", "a", "b", "b"])]
    [0.33, 0.0, 0.75]
    """
    names, member = np.unique(np.asarray(labels), return_inverse=True)
    counts = np.bincount(member)
    shares = np.bincount(member, weights=values) / counts
    bounds = np.array([wilson(float(share), int(count)) for share, count in zip(shares, counts, strict=True)])
    mean = float(shares.mean())
    below, above = (float(np.sqrt(((bounds[:, side] - shares) ** 2).sum())) / len(names) for side in (0, 1))
    weighted = values * len(values) / (len(names) * counts[member])
    low, high = beyond_clips(weighted, member, speakers, (mean - below, mean + above), low=0.0)
    return mean, max(0.0, low), min(1.0, high)
