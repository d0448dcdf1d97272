"""What a number from n clips can say: intervals at 95 %, clips taken as independent."""

import math

import numpy as np

from staanet.metrics.outcome import Floats

Z = 1.959963984540054


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return Wilson's score interval of a share of `n` clips (E. B. Wilson, JASA 22, 1927).

    >>> [round(limit, 4) for limit in wilson(0.5, 100)]
    [0.4038, 0.5962]
    """
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def paired(differences: Floats) -> tuple[float, float]:
    """Return the adjusted Wald interval of the mean of paired differences in [-1, 1].

    One clip of each extreme is added, so that a difference seen on every clip, or on none, still has a width
    (D. G. Bonett, R. M. Price, Journal of Educational and Behavioral Statistics 37, 2012).

    >>> [round(limit, 3) for limit in paired(np.zeros(98))]
    [-0.028, 0.028]
    """
    extended = np.concatenate([differences, [-1.0, 1.0]])
    half = Z * float(extended.std()) / math.sqrt(len(extended))
    mean = float(extended.mean())
    return max(-1.0, mean - half), min(1.0, mean + half)
