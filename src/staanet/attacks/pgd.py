"""PGD: steps along the sign of the gradient, from random points (https://arxiv.org/abs/1706.06083)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from staanet.attacks.bim import BIM
from staanet.attacks.components.dense import Region
from staanet.attacks.components.search import Search
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class PGD(BIM):
    """Steps along the sign of the gradient from random points, each cut to the budget; the best point is kept.

    Source: A. Madry, A. Makelov, L. Schmidt, D. Tsipras, A. Vladu, ICLR 2018, section 2.1. With a sparsity below 1 the
    samples that may change are those with the largest gradient at the clean clip, for which it looks once more. The
    preset `paper` is the baseline of STAA-Net (arXiv 2402.01227): 20 steps of epsilon / 4 from one point. There a fixed
    number of samples changes; which, the paper leaves open.

    Args:
        budget: size and share of the samples.
        norm: `linf`; or `l2` for steps along the gradient itself.
        rms: for `l2`, the largest root mean square of the change over the samples that may change, as a share of
            epsilon, in (0, 1]; at 1, epsilon alone bounds them.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
        steps: gradients per clip and restart.
        step_size: as a share of epsilon; for `l2`, of the largest Euclidean norm.
        restarts: random points to start from; only clips that were not reached go on to the next.
    """

    name = "pgd"
    reference = "arXiv 1706.06083"
    presets: ClassVar = {"paper": {"steps": 20, "step_size": 0.25, "restarts": 1, "objective": "cross_entropy"}}

    restarts: int = 3

    def __post_init__(self) -> None:
        """Refuse settings with which nothing moves."""
        super().__post_init__()
        if self.restarts < 1:
            raise StaanetError(f"expected restarts of 1 or more, got {self.restarts}")

    def explore(self, search: Search, region: Region, rows: Tensor, random: ClipRandom) -> None:
        """Look for the best perturbations of the clips `rows` `[B]`."""
        for _ in range(self.restarts):
            here = region.rows(rows)
            low, high = here.room.low, here.room.high
            start = low + (high - low) * random.select(rows).uniform()
            self.climb(search, here, here.project(start), rows)
            rows = rows[~search.reached[rows]]
            if not len(rows):
                return
