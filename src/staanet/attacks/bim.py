"""BIM: steps along the sign of the gradient, from the clean clip (https://arxiv.org/abs/1607.02533)."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.dense import FeasibleSet, GradientAscent
from staanet.attacks.components.random_input import RandomInput, check_random_input
from staanet.attacks.components.sparse import l1_normalise
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.signature import LATER


@dataclass(frozen=True)
class BIM(GradientAscent):
    """Projected steps along the sign of the gradient, from the clean clip; returns the best point evaluated.

    Source: A. Kurakin, I. Goodfellow, S. Bengio, ICLR 2017 workshop, section 2.2. With a sparsity below 1 the samples
    with the largest gain at the clean clip may change, which takes one more gradient. The preset `systematic` is arXiv
    2404.18514 at epsilon 1, in units of standardised features. Its step is 0.1 at its other four sizes too, which is a
    `step_size` of 0.1 / epsilon here. The preset `momentum` is MI-FGSM, Y. Dong et al., CVPR 2018, arXiv 1710.06081,
    and `diverse` the same with the input diversity of C. Xie et al., CVPR 2019, arXiv 1803.06978; both are baselines of
    transfer.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        norm: `linf` steps along the sign of the gradient, `l2` along the gradient itself.
        rms: For `l2`, the largest root mean square of the perturbation over the samples that may change, as a
            fraction of epsilon, in (0, 1]. At 1, epsilon alone bounds the perturbation.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.
        steps: Number of gradients per clip, at least 1.
        step_size: Size of a step as a fraction of epsilon; for `l2`, of the radius of the ball.
        momentum: Weight of the past in the running sum of the gradients, each divided by its L1 norm; 0 steps along the
            gradient itself.
        diversity: Probability, in [0, 1], that a gradient is taken at the clip played up to a tenth faster or slower
            from another beginning, which carries over to other models more often. With it or noise, the result is the
            last point of each start instead of the best one.
        noise: Standard deviation of noise at which each gradient is taken, as a multiple of epsilon.
    """

    name = "bim"
    reference = "arXiv 1607.02533"
    presets: ClassVar = {
        "systematic": {"budget": Budget(epsilon=1.0), "steps": 100, "step_size": 0.1},
        "momentum": {"steps": 10, "step_size": 0.1, "momentum": 1.0},
        "diverse": {"steps": 10, "step_size": 0.1, "momentum": 1.0, "diversity": 0.5},
    }

    steps: int = 100
    step_size: float = 0.05
    momentum: float = field(default=0.0, metadata=LATER)
    diversity: float = field(default=0.0, metadata=LATER)
    noise: float = field(default=0.0, metadata=LATER)

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if self.steps < 1 or not 0 < self.step_size < float("inf"):
            raise StaanetError(
                f"expected steps of 1 or more and a step_size above 0, got {self.steps} and {self.step_size}"
            )
        if not 0 <= self.momentum <= 1:
            raise StaanetError(f"expected a momentum in [0, 1], got {self.momentum}; 1 is that of MI-FGSM")
        check_random_input(self.diversity, self.noise)

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best adversarial waveforms found, `[B, T]`."""
        seen_as = None
        if self.diversity or self.noise:
            epsilon, _ = self.budget.resolve(waveforms, lengths)
            seen_as = RandomInput(random, self.diversity, self.noise * epsilon, bounds_of(model))
        best = BestSoFar(model, waveforms, labels, lengths, self.objective, self.targeted, seen_as=seen_as)
        gradients = None
        if self.budget.sparsity < 1:
            gradients = best.value_and_grad(torch.zeros_like(waveforms)).gradients
        self.explore(best, self.feasible_set(model, waveforms, lengths, gradients), random)
        return best.adversarial

    def explore(self, best: BestSoFar, feasible: FeasibleSet, _: ClipRandom) -> None:
        """Run the ascent of all clips from the clean clips."""
        self.ascend(best, feasible, torch.zeros_like(feasible.box.low), best.all_rows)

    def ascend(self, best: BestSoFar, feasible: FeasibleSet, perturbations: Tensor, rows: Tensor) -> None:
        """Take the steps from perturbations `[N, T]` of the clips `rows` `[N]`, within their feasible set."""
        total = torch.zeros_like(perturbations)
        for _ in range(self.steps):
            gradients = best.value_and_grad(perturbations, rows).gradients
            if self.momentum:
                gradients = total = self.momentum * total + l1_normalise(gradients)
            perturbations = feasible.project(perturbations + self.step_size * feasible.full_step(gradients))
        best.evaluate(perturbations, rows)
