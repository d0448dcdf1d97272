"""Agreement of real outputs with ratings of emotional dimensions: CCC and RMSE, with an interval for the CCC."""

from collections.abc import Callable, Sequence

import numpy as np

from staanet.core.errors import StaanetError
from staanet.metrics.intervals import SPEAKERS
from staanet.metrics.outcome import Floats

DRAWS = 2000
"""Number of bootstrap samples."""

LEAST = 3
"""Smallest number of clips for a CCC."""


def ccc(outputs: Floats, ratings: Floats) -> float:
    """Return the concordance correlation coefficient, 2 cov(x, y) / (var x + var y + (mean x - mean y)^2).

    It is 1 if outputs equal ratings, and falls with noise as well as with a wrong mean or spread. Variances are those
    of the population. Source: L. I. Lin, "A concordance correlation coefficient to evaluate reproducibility",
    Biometrics 45, 1989.

    Args:
        outputs: One output per clip, `[N]`.
        ratings: The rating of each clip, `[N]`.

    Raises:
        StaanetError: If there are fewer than three clips, a value is not finite, or all ratings are equal, for which
            the CCC of every model is 0.

    >>> round(ccc(np.array([0.2, 0.4, 0.6]), np.array([0.1, 0.3, 0.5])), 4)
    0.8421
    """
    check_ratings(ratings)
    if len(outputs) != len(ratings) or not np.isfinite(outputs).all():
        raise StaanetError(f"expected a finite output for each of {len(ratings)} clips, got others; check the model")
    return _ccc(np.asarray(outputs, dtype=np.float64), np.asarray(ratings, dtype=np.float64))


def rmse(outputs: Floats, ratings: Floats) -> float:
    """Return the root mean square error of outputs `[N]` against ratings `[N]`, in their unit.

    >>> round(rmse(np.array([0.2, 0.4]), np.array([0.1, 0.3])), 4)
    0.1
    """
    return float(np.sqrt(np.mean((np.asarray(outputs) - np.asarray(ratings)) ** 2)))


def check_ratings(ratings: Floats, what: str = "ratings") -> None:
    """Check that a CCC of ratings `[N]` is defined.

    Args:
        ratings: The rating of each clip, `[N]`.
        what: Their name, with which the message begins.

    Raises:
        StaanetError: If there are fewer than three, one is not finite, or all are equal.
    """
    if len(ratings) < LEAST:
        raise StaanetError(f"{what}: expected {LEAST} clips or more for a CCC, got {len(ratings)}; add clips")
    if not np.isfinite(ratings).all():
        raise StaanetError(f"{what}: expected finite ratings, got NaN or infinite ones; correct or remove these clips")
    if np.ptp(ratings) == 0:
        raise StaanetError(
            f"{what}: expected ratings that differ, got {float(ratings[0]):g} for every clip, so that the CCC of any "
            "model is 0; add clips with other ratings"
        )


def ccc_interval(
    outputs: Floats, ratings: Floats, speakers: Sequence[str], seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of the CCC, with speakers resampled, or clips if there are few speakers.

    With fewer than eight speakers it says nothing about others (B. Efron, R. J. Tibshirani, An Introduction to the
    Bootstrap, 1993). It always contains the CCC.

    Args:
        outputs: One output per clip, `[N]`.
        ratings: The rating of each clip, `[N]`.
        speakers: The speaker of each clip.
        seed: Seed of the bootstrap samples.
        level: Probability that the interval contains the CCC.

    >>> ccc_interval(np.array([0.1, 0.5, 0.9]), np.array([0.1, 0.5, 0.9]), ["a", "b", "c"])
    (1.0, 1.0)
    """
    value = ccc(outputs, ratings)
    names = sorted(set(speakers))
    member = np.array(speakers)
    units = [np.flatnonzero(member == name) for name in names]
    draw = _of_speakers(units) if len(names) >= SPEAKERS else _of_clips(len(ratings))
    random = np.random.default_rng(seed)
    rows = [draw(random) for _ in range(DRAWS)]
    values = [_ccc(np.asarray(outputs)[row], np.asarray(ratings)[row]) for row in rows if np.ptp(ratings[row]) > 0]
    low, high = np.quantile(values, ((1 - level) / 2, (1 + level) / 2))
    return min(float(low), value), max(float(high), value)


Rows = Callable[[np.random.Generator], "np.ndarray[tuple[int], np.dtype[np.int64]]"]


def _of_speakers(units: Sequence["np.ndarray[tuple[int], np.dtype[np.int64]]"]) -> Rows:
    return lambda random: np.concatenate([units[number] for number in random.integers(len(units), size=len(units))])


def _of_clips(count: int) -> Rows:
    return lambda random: random.integers(count, size=count)


def _ccc(outputs: Floats, ratings: Floats) -> float:
    covariance = float(np.mean((outputs - outputs.mean()) * (ratings - ratings.mean())))
    return 2 * covariance / float(outputs.var() + ratings.var() + (outputs.mean() - ratings.mean()) ** 2)
