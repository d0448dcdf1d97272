"""What so many clips can show, told before any attack: detectable differences, and thresholds that stay undecided."""

import math
import warnings
from collections import Counter
from collections.abc import Sequence

from scipy.stats import binomtest

from staanet.assessment.verdict import LEVEL, Threshold
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.metrics.intervals import POWER_Z, Z

OTHERWISE = 0.2
"""Share of the clips on which two models are taken to differ in being right, for the difference between models."""


def detectable_unpaired(clips: int) -> float:
    """Return the smallest difference of two shares that shows between two sets of so many other clips.

    A two-sided test at 5 % claims it in 80 % of repetitions, if the shares are about one half, where they vary most
    (J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed., 1988, chapter 6).

    >>> round(detectable_unpaired(100), 3)
    0.198
    """
    return min(1.0, (Z + POWER_Z) * math.sqrt(2 * 0.25 / clips))


def detectable_paired(clips: int, otherwise: float = OTHERWISE) -> float:
    """Return the smallest difference of two models on the same clips that shows in 80 % of repetitions.

    Source: the power of McNemar's test, O. S. Miettinen, Biometrics 24, 1968, approximately.

    Args:
        clips: Number of clips.
        otherwise: Share of the clips on which one model is right and the other is not.

    >>> round(detectable_paired(100), 3)
    0.125
    """
    return min(1.0, (Z + POWER_Z) * math.sqrt(otherwise / clips))


def check_decidable(thresholds: Sequence[Threshold], labels: Sequence[str]) -> None:
    """Check that clips of these emotions can decide the thresholds, even if clips of one speaker are not alike.

    Raises:
        StaanetError: If a threshold can neither pass nor fail, whatever the clips show.

    Warns:
        StaanetWarning: If a threshold cannot pass, or cannot fail.
    """
    clips, level = len(labels), 1 - LEVEL / max(1, len(thresholds))
    for threshold in thresholds:
        of_emotions = threshold.measure.startswith("uar")
        worst, best = _widest(list(Counter(labels).values()) if of_emotions else [clips], level)
        passes, fails = best >= threshold.least, worst < threshold.least
        if passes and fails:
            continue
        text = f"threshold {threshold.key}={threshold.least:g}: expected clips enough to decide it, got {clips}"
        if not passes and not fails:
            raise StaanetError(f"{text}, with which it can neither pass nor fail; use more --clips")
        result = (
            f"it can fail, but not pass: with all of them right, the interval begins at {100 * best:.0f} %"
            if fails
            else f"it can pass, but not fail: with none of them right, the interval ends at {100 * worst:.0f} %"
        )
        warnings.warn(f"{text}; {result}", StaanetWarning, stacklevel=2)


def _widest(counts: Sequence[int], level: float) -> tuple[float, float]:
    """Return where the interval of a mean of shares ends if no clip is right, and where it begins if all are.

    Args:
        counts: Number of the clips of each share: all clips for an accuracy, those of each emotion for a UAR.
        level: Probability that the interval contains the mean.
    """
    ends = [float(binomtest(0, count).proportion_ci(level, method="wilson").high) for count in counts]
    worst = math.hypot(*ends) / len(counts)
    return worst, 1 - worst
