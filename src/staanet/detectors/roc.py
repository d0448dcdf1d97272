"""How well scores tell attacked clips from clean ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from staanet.core.errors import StaanetError
from staanet.metrics import wilson

Floats = NDArray[np.float64]

DRAWS = 2000
"""Number of bootstrap samples."""


@dataclass(frozen=True)
class Roc:
    """The receiver operating characteristic of a detector.

    Args:
        false_alarms: Share of the clean clips above each threshold, rising from 0 to 1.
        hits: Share of the attacked clips above each threshold.
        area: Area under the curve: the probability that an attacked clip has the higher score than a clean one.
        area_ci: Its 95 % interval, with clips drawn again.
        hits_at_5: Share of the attacked clips above the score that 5 % of the clean clips exceed.
        hits_at_5_ci: Its 95 % interval.
    """

    false_alarms: tuple[float, ...]
    hits: tuple[float, ...]
    area: float
    area_ci: tuple[float, float]
    hits_at_5: float
    hits_at_5_ci: tuple[float, float]


def roc(clean: Floats, attacked: Floats, seed: int = 0) -> Roc:
    """Return the receiver operating characteristic of scores; equal scores count half.

    Args:
        clean: Scores of clean clips, one or more.
        attacked: Scores of attacked clips, one or more.
        seed: Seed of the bootstrap samples.

    Raises:
        StaanetError: If a score is not finite.

    >>> roc(np.array([0.0, 1.0]), np.array([1.0, 2.0])).area
    0.875
    """
    if not (np.isfinite(clean).all() and np.isfinite(attacked).all()):
        raise StaanetError("expected finite scores, got NaN or infinite ones; a detector must give each clip a number")
    thresholds = np.unique(np.concatenate([clean, attacked]))[::-1]
    false_alarms = (0.0, *((clean[:, None] >= thresholds).mean(0)))
    hits = (0.0, *((attacked[:, None] >= thresholds).mean(0)))
    random = np.random.default_rng(seed)
    pairs = (attacked[:, None] > clean) + 0.5 * (attacked[:, None] == clean)
    areas = []
    for _ in range(DRAWS):
        rows, columns = (random.integers(size, size=size) for size in pairs.shape)
        areas.append(pairs[rows][:, columns].mean())
    low, high = np.quantile(areas, (0.025, 0.975))
    above = attacked > np.quantile(clean, 0.95, method="higher")
    return Roc(
        tuple(map(float, false_alarms)),
        tuple(map(float, hits)),
        float(pairs.mean()),
        (float(low), float(high)),
        float(above.mean()),
        wilson(float(above.mean()), len(above)),
    )
