"""BIM: steps along the sign of the gradient, from the clean clip (https://arxiv.org/abs/1607.02533)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.components.dense import GradientAscent, Region
from staanet.attacks.components.search import Search
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class BIM(GradientAscent):
    """Steps along the sign of the gradient from the clean clip, each cut to the budget; the best point is kept.

    Source: A. Kurakin, I. Goodfellow, S. Bengio, ICLR 2017 workshop, section 2.2. With a sparsity below 1 the samples
    that may change are those with the largest gradient at the clean clip, for which it looks once more. The preset
    `systematic` is arXiv 2404.18514 at epsilon 1, in units of standardised features; its step is 0.1 at its other four
    sizes too, a `step_size` of 0.1 / epsilon here.

    Args:
        budget: size and share of the samples.
        norm: `linf`; or `l2` for steps along the gradient itself.
        rms: for `l2`, the largest root mean square of the change over the samples that may change, as a share of
            epsilon, in (0, 1]; at 1, epsilon alone bounds them.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
        steps: gradients per clip.
        step_size: as a share of epsilon; for `l2`, of the largest Euclidean norm.
    """

    name = "bim"
    reference = "arXiv 1607.02533"
    presets: ClassVar = {"systematic": {"budget": Budget(epsilon=1.0), "steps": 100, "step_size": 0.1}}

    steps: int = 100
    step_size: float = 0.05

    def __post_init__(self) -> None:
        """Refuse settings with which nothing moves."""
        super().__post_init__()
        if self.steps < 1 or not 0 < self.step_size < float("inf"):
            raise StaanetError(
                f"expected steps of 1 or more and a step_size above 0, got {self.steps} and {self.step_size}"
            )

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best waveforms `[B, T]` found."""
        search = Search(model, waveforms, labels, lengths, self.objective, self.targeted)
        rows = torch.arange(len(waveforms), device=waveforms.device)
        gradients = None
        if self.budget.sparsity < 1:
            gradients = search.climb(torch.zeros_like(waveforms), rows).gradients
        self.explore(search, self.region(model, waveforms, lengths, gradients), rows, random)
        return search.adversarial

    def explore(self, search: Search, region: Region, rows: Tensor, random: ClipRandom) -> None:  # noqa: ARG002
        """Look for the best perturbations of the clips `rows` `[B]`."""
        self.climb(search, region, torch.zeros_like(region.room.low), rows)

    def climb(self, search: Search, region: Region, perturbations: Tensor, rows: Tensor) -> None:
        """Take the steps from perturbations `[N, T]` of the clips `rows` `[N]`; `region` is theirs."""
        for _ in range(self.steps):
            gradients = search.climb(perturbations, rows).gradients
            perturbations = region.project(perturbations + self.step_size * region.uphill(gradients))
        search.look(perturbations, rows)
