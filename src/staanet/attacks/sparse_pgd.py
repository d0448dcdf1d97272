"""PGD on a share of the samples: a stronger form of the sparse baseline of STAA-Net (arXiv 2402.01227)."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.random_input import RandomInput, check_random_input
from staanet.attacks.components.sparse import SparseAscent, l1_normalise
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.signature import LATER

Positions = Literal["every_step", "first_gradient", "random"]
"""- `every_step`: the samples with the largest gain by the running mean of the gradient, chosen anew in each step;
- `first_gradient`: the samples with the largest gain by the gradient at the first point;
- `random`: random samples."""


@dataclass(frozen=True)
class SparsePGD(SparseAscent):
    """Steps along the sign of the gradient, on exactly as many samples as the budget allows; keeps the best point.

    Source: section 4.4 of the paper, which restricts PGD (arXiv 1706.06083) to a number of samples and does not state
    which. The gain of a sample is its gradient times its largest possible change. With positions chosen in every step,
    all samples take the steps, along the running mean of the gradient, but only selected samples are applied; a
    reselected sample resumes from its last value.

    The preset `paper` has the published settings: 20 steps of epsilon / 4 from a random point. Which positions the
    paper used is not known; the preset uses `first_gradient`, the stronger of the two fixed choices. The presets
    `diverse` and `noise_injection` are baselines of transfer: the momentum of Y. Dong et al., CVPR 2018, arXiv
    1710.06081, with the input diversity of C. Xie et al., CVPR 2019, arXiv 1803.06978, or the noise of H. Kim, J. Park,
    J. Lee, "Generating Transferable Adversarial Examples for Speech Classification", Pattern Recognition 137, 2023.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        steps: Number of gradients per clip, at least 1.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.
        step_size: Size of a step as a fraction of epsilon.
        positions: Which samples change.
        momentum: Weight of the past in the running mean of the gradient, in [0, 1); 0 steps along the gradient itself.
        random_start: Whether to start from a random perturbation instead of the clean clip.
        diversity: Probability, in [0, 1], that a gradient is taken at the clip played up to a tenth faster or slower
            from another beginning, which carries over to other models more often. With it or noise, the result is the
            last point instead of the best one.
        noise: Standard deviation of noise at which each gradient is taken, as a multiple of epsilon.
    """

    name = "sparse_pgd"
    reference = "arXiv 2402.01227"
    presets: ClassVar = {
        "paper": {
            "steps": 20,
            "objective": "cross_entropy",
            "positions": "first_gradient",
            "momentum": 0.0,
            "random_start": True,
        },
        "diverse": {"steps": 10, "diversity": 0.5},
        "noise_injection": {"steps": 10, "noise": 1.0},
    }

    step_size: float = 0.25
    positions: Positions = "every_step"
    momentum: float = 0.9
    random_start: bool = False
    diversity: float = field(default=0.0, metadata=LATER)
    noise: float = field(default=0.0, metadata=LATER)

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if not 0 < self.step_size < float("inf") or not 0 <= self.momentum < 1:
            raise StaanetError(
                f"expected a step_size above 0 and a momentum in [0, 1), got {self.step_size} and {self.momentum}"
            )
        check_random_input(self.diversity, self.noise)

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best adversarial waveforms found, `[B, T]`."""
        box = Box.of(self.budget, model, waveforms, lengths)
        seen_as = None
        if self.diversity or self.noise:
            seen_as = RandomInput(random, self.diversity, self.noise * box.epsilon, bounds_of(model))
        best = BestSoFar(model, waveforms, labels, lengths, self.objective, self.targeted, seen_as=seen_as)
        perturbations, mask, mean = torch.zeros(3, *waveforms.shape, dtype=waveforms.dtype, device=waveforms.device)
        if self.random_start:
            perturbations = box.uniform(random)
        if self.positions == "random":
            mask = box.top(random.uniform())
        for step in range(self.steps):
            gradients = l1_normalise(best.value_and_grad(perturbations * mask).gradients)
            mean = self.momentum * mean + (1 - self.momentum) * gradients
            if self.positions == "every_step" or (self.positions == "first_gradient" and step == 0):
                mask = box.top_by_gain(mean)
            perturbations = box.clamp(perturbations + self.step_size * box.epsilon * mean.sign())
        best.evaluate(perturbations * mask)
        return best.adversarial
