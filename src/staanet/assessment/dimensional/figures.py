"""The figures of a model of emotional dimensions, computed from the outputs for the clips."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from staanet.assessment.dimensional.measurement import DimensionalRow
from staanet.assessment.result import Interval, budget_name
from staanet.metrics.dimensions import ccc, ccc_interval, rmse
from staanet.metrics.intervals import beyond_clips, wilson
from staanet.metrics.outcome import Floats


@dataclass(frozen=True)
class DimensionPoint:
    """One dimension at one budget.

    Args:
        dimension: Name of the dimension.
        snr_db: Peak SNR in dB of the largest change.
        sparsity: Share of the samples that may change; 0 stands for one sample.
        ccc_robust: CCC under attack: for each clip, of the clean output and those that attacks reached upwards and
            downwards within the budget, the one farthest from the rating counts.
        ccc_robust_ci: Its 95 % interval.
        rmse_robust: Root mean square error of the same outputs, as a share of the scale.
        ccc_noise: CCC under random signs of this size.
        moved: Share of the clips whose output attacks moved by the distance or more, up or down.
        moved_ci: Its 95 % interval, which allows for clips of one speaker being alike.
        moved_noise: The same share under noise.
        mean_up: Mean move upwards, as a share of the scale.
        mean_down: Mean move downwards.
    """

    dimension: str
    snr_db: float
    sparsity: float
    ccc_robust: float
    ccc_robust_ci: Interval
    rmse_robust: float
    ccc_noise: float
    moved: float
    moved_ci: Interval
    moved_noise: float
    mean_up: float
    mean_down: float

    @property
    def name(self) -> str:
        """The budget as text, such as `40 dB`."""
        return budget_name(self.snr_db, self.sparsity)


@dataclass(frozen=True)
class Dimension:
    """One dimension on clean clips.

    Args:
        name: Name of the dimension.
        ccc_clean: CCC of the outputs for clean clips with the ratings.
        ccc_clean_ci: Its 95 % interval.
        rmse_clean: Root mean square error, as a share of the scale.
    """

    name: str
    ccc_clean: float
    ccc_clean_ci: Interval
    rmse_clean: float


@dataclass(frozen=True)
class DimensionalEvaluation:
    """How robust a model of emotional dimensions is on some clips; `dimensions.json` has these fields.

    Args:
        model: Name of the model.
        n: Number of clips.
        distance: The move that counts, as a share of the scale.
        reference: Name of the reference budget.
        dimensions: Figures of each dimension on clean clips.
        curve: Figures of each dimension at every budget.
        about: Settings, versions, hashes and counts.
    """

    model: str
    n: int
    distance: float
    reference: str
    dimensions: Sequence[Dimension]
    curve: Sequence[DimensionPoint]
    about: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    def at_reference(self, dimension: str) -> DimensionPoint:
        """Return the figures of a dimension at the reference budget."""
        return next(point for point in self.curve if (point.dimension, point.name) == (dimension, self.reference))


def figures(
    rows: Sequence[DimensionalRow], names: Sequence[str], budgets: Sequence[tuple[float, float]], distance: float
) -> tuple[list[Dimension], list[DimensionPoint]]:
    """Return the figures of each dimension on clean clips, and at every budget.

    Args:
        rows: The outputs for the clips.
        names: Names of the dimensions.
        budgets: Peak SNR in dB and sparsity of each budget.
        distance: The move that counts, as a share of the scale.

    Raises:
        StaanetError: If a CCC is undefined.
    """
    speakers = [row.speaker for row in rows]
    clean, curve = [], []
    for name in names:
        ratings = np.array([row.ratings[name] for row in rows])
        outputs = np.array([row.clean[name] for row in rows])
        interval = ccc_interval(outputs, ratings, speakers)
        clean.append(Dimension(name, ccc(outputs, ratings), interval, rmse(outputs, ratings)))
        curve += [
            _point(rows, name, place, budget, ratings, outputs, distance, speakers)
            for place, budget in enumerate(budgets)
        ]
    return clean, curve


def _point(
    rows: Sequence[DimensionalRow],
    name: str,
    place: int,
    budget: tuple[float, float],
    ratings: Floats,
    clean: Floats,
    distance: float,
    speakers: Sequence[str],
) -> DimensionPoint:
    of: Callable[[str], Floats] = lambda kind: np.array([getattr(row, kind)[name][place] for row in rows])  # noqa: E731
    up, down, noise = of("up"), of("down"), of("noise")
    farthest = np.where(np.abs(up - ratings) >= np.abs(down - ratings), up, down)
    worst = np.where(np.abs(farthest - ratings) >= np.abs(clean - ratings), farthest, clean)
    moved = (np.maximum(up - clean, clean - down) >= distance).astype(np.float64)
    share = float(moved.mean())
    low, high = beyond_clips(moved, np.zeros(len(rows), dtype=np.int64), speakers, wilson(share, len(rows)), low=0.0)
    return DimensionPoint(
        dimension=name,
        snr_db=budget[0],
        sparsity=budget[1],
        ccc_robust=ccc(worst, ratings),
        ccc_robust_ci=ccc_interval(worst, ratings, speakers),
        rmse_robust=rmse(worst, ratings),
        ccc_noise=ccc(noise, ratings),
        moved=share,
        moved_ci=(max(0.0, low), min(1.0, high)),
        moved_noise=float((np.abs(noise - clean) >= distance).mean()),
        mean_up=float((up - clean).mean()),
        mean_down=float((clean - down).mean()),
    )
