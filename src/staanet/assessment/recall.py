"""The interval of the unweighted average recall (UAR) of clips, for thresholds."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

from staanet.assessment.measurement import Row
from staanet.metrics.intervals import beyond_clips

Interval = tuple[float, float]


def uar_with_interval(values: Any, rows: Sequence[Row], level: float = 0.95) -> tuple[float, Interval]:
    """Return the mean over the emotions of the share of their clips that are right, and its interval.

    The Wilson intervals of the recalls are combined by the distances of their ends (G. Y. Zou, A. Donner, Statistics
    in Medicine 27, 2008), and the result allows for clips of one speaker being alike, as intervals of accuracies do.

    Args:
        values: 1 or 0 for each clip, `[N]`.
        rows: The results of the clips.
        level: Probability that the interval contains the UAR.
    """
    labels = np.unique([row.label for row in rows], return_inverse=True)[1]
    counts = np.bincount(labels)
    right = np.bincount(labels, weights=values)
    recalls = right / counts
    bounds = [
        binomtest(int(hits), int(count)).proportion_ci(level, method="wilson")
        for hits, count in zip(right, counts, strict=True)
    ]
    below = sum((recall - one.low) ** 2 for recall, one in zip(recalls, bounds, strict=True))
    above = sum((one.high - recall) ** 2 for recall, one in zip(recalls, bounds, strict=True))
    mean = float(recalls.mean())
    independent = (mean - math.sqrt(below) / len(counts), mean + math.sqrt(above) / len(counts))
    # The UAR varies as the mean of these values does: each clip counts by the share of its emotion.
    weighted = mean + (values - recalls[labels]) * len(values) / (len(counts) * counts[labels])
    low, high = beyond_clips(weighted, labels, [row.speaker for row in rows], independent, low=0.0, level=level)
    return mean, (max(0.0, low), min(1.0, high))
