"""Exact bounds of a probability from votes (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934)."""

import math

from scipy.stats import beta


def lower_bound(votes: int, draws: int, alpha: float) -> float:
    """Return a bound that lies above the probability of a vote with a probability of at most `alpha`.

    Args:
        votes: Votes for a class, of `draws`.
        draws: Independent votes.
        alpha: Probability of an error, in (0, 1).

    >>> round(lower_bound(100, 100, 0.001), 4)  # 0.001 ** (1 / 100)
    0.9333
    """
    return float(beta.ppf(alpha, votes, draws - votes + 1)) if votes else 0.0


def upper_bound(votes: int, draws: int, alpha: float) -> float:
    """Return a bound that lies below the probability of a vote with a probability of at most `alpha`.

    >>> round(upper_bound(0, 100, 0.001), 4)
    0.0667
    """
    return float(beta.ppf(1 - alpha, votes + 1, draws - votes)) if votes < draws else 1.0


def least_draws(share: float, alpha: float) -> int:
    """Return how many votes, if all agree, have a lower bound above a share.

    Args:
        share: Share of the votes, in (0, 1).
        alpha: Probability of an error, in (0, 1).

    >>> least_draws(0.5, 0.001)
    10
    """
    return math.floor(math.log(alpha) / math.log(share)) + 1
