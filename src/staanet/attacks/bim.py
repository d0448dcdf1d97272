"""BIM: steps along the sign of the gradient, from the clean clip (https://arxiv.org/abs/1607.02533)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.dense import FeasibleSet, GradientAscent
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class BIM(GradientAscent):
    """Projected steps along the sign of the gradient, from the clean clip; returns the best point evaluated.

    Source: A. Kurakin, I. Goodfellow, S. Bengio, ICLR 2017 workshop, section 2.2. With a sparsity below 1 the samples
    with the largest gain at the clean clip may change, which takes one more gradient. The preset `systematic` is arXiv
    2404.18514 at epsilon 1, in units of standardised features. Its step is 0.1 at its other four sizes too, which is a
    `step_size` of 0.1 / epsilon here.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        norm: `linf` steps along the sign of the gradient, `l2` along the gradient itself.
        rms: For `l2`, the largest root mean square of the perturbation over the samples that may change, as a
            fraction of epsilon, in (0, 1]. At 1, epsilon alone bounds the perturbation.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.
        steps: Number of gradients per clip, at least 1.
        step_size: Size of a step as a fraction of epsilon; for `l2`, of the radius of the ball.
    """

    name = "bim"
    reference = "arXiv 1607.02533"
    presets: ClassVar = {"systematic": {"budget": Budget(epsilon=1.0), "steps": 100, "step_size": 0.1}}

    steps: int = 100
    step_size: float = 0.05

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if self.steps < 1 or not 0 < self.step_size < float("inf"):
            raise StaanetError(
                f"expected steps of 1 or more and a step_size above 0, got {self.steps} and {self.step_size}"
            )

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best adversarial waveforms found, `[B, T]`."""
        best = BestSoFar(model, waveforms, labels, lengths, self.objective, self.targeted)
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
        for _ in range(self.steps):
            gradients = best.value_and_grad(perturbations, rows).gradients
            perturbations = feasible.project(perturbations + self.step_size * feasible.full_step(gradients))
        best.evaluate(perturbations, rows)
