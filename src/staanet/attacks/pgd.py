"""PGD: steps along the sign of the gradient, from random points (https://arxiv.org/abs/1706.06083)."""

from dataclasses import dataclass
from typing import ClassVar

from staanet.attacks.bim import BIM
from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.dense import FeasibleSet
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class PGD(BIM):
    """Projected steps along the sign of the gradient, from random points; returns the best point evaluated.

    Source: A. Madry, A. Makelov, L. Schmidt, D. Tsipras, A. Vladu, ICLR 2018, section 2.1. With a sparsity below 1 the
    samples with the largest gain at the clean clip may change, which takes one more gradient. The preset `paper` is the
    baseline of STAA-Net (arXiv 2402.01227): 20 steps of epsilon / 4 from one point. That baseline changes a fixed
    number of samples; the paper does not state which. The defaults, 100 steps of epsilon / 20 from up to 3 points, are
    stronger than those of the original: 7 or 20 steps of epsilon / 4 on CIFAR-10, 40 of epsilon / 30 on MNIST. The
    preset `noise_injection` is a baseline of transfer: H. Kim, J. Park, J. Lee, "Generating Transferable Adversarial
    Examples for Speech Classification", Pattern Recognition 137, 2023, with the momentum of arXiv 1710.06081.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        norm: `linf` steps along the sign of the gradient, `l2` along the gradient itself.
        rms: For `l2`, the largest root mean square of the perturbation over the samples that may change, as a
            fraction of epsilon, in (0, 1]. At 1, epsilon alone bounds the perturbation.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.
        steps: Number of gradients per clip and restart, at least 1.
        step_size: Size of a step as a fraction of epsilon; for `l2`, of the radius of the ball.
        momentum: Weight of the past in the running sum of the gradients, each divided by its L1 norm; 0 steps along the
            gradient itself.
        diversity: Probability, in [0, 1], that a gradient is taken at the clip played up to a tenth faster or slower
            from another beginning, which carries over to other models more often. With it or noise, the result is the
            last point of each start instead of the best one.
        noise: Standard deviation of noise at which each gradient is taken, as a multiple of epsilon.
        restarts: Number of random starting points, at least 1. Clips on which the attack has succeeded do not restart.
    """

    name = "pgd"
    reference = "arXiv 1706.06083"
    presets: ClassVar = {
        "paper": {"steps": 20, "step_size": 0.25, "restarts": 1, "objective": "cross_entropy"},
        "noise_injection": {"steps": 10, "step_size": 0.2, "restarts": 1, "momentum": 1.0, "noise": 1.0},
    }

    restarts: int = 3

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if self.restarts < 1:
            raise StaanetError(f"expected restarts of 1 or more, got {self.restarts}")

    def explore(self, best: BestSoFar, feasible: FeasibleSet, random: ClipRandom) -> None:
        """Run the ascent from random points, until it has succeeded on all clips or all restarts are used."""
        rows = best.all_rows
        for _ in range(self.restarts):
            remaining = feasible.rows(rows)
            start = remaining.project(remaining.box.uniform(random.select(rows)))
            self.ascend(best, remaining, start, rows)
            rows = rows[~best.succeeded[rows]]
            if not len(rows):
                return
