"""Sigma-zero: minimises a smooth L0 norm together with the margin (https://arxiv.org/abs/2402.01879)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.objectives import objective_values, succeeded
from staanet.attacks.components.sparse import l0_norm, prune
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

SMALL = 1e-30
"""Replaces 0 as a divisor."""


@dataclass(frozen=True)
class SigmaZero(Attack):
    """Descends the margin plus the mean of u^2 / (u^2 + sigma) over a clip's samples, u being changes over epsilon.

    Source: A. E. Cinà, F. Villani, M. Pintor, L. Schönherr, B. Biggio, M. Pelillo, ICLR 2025, algorithm 1: Adam with a
    decaying step size on the gradient divided by its largest entry. After each step, changes below a threshold are set
    to 0; the threshold rises while the attack succeeds and falls while it does not. Epsilon takes the place of the
    paper's range of a pixel. The paper does not bound the number of changes. Here a point with more changes than the
    budget allows is also evaluated with the most important ones only, which takes a forward pass.

    Three defaults differ from the authors' code (f79dedd): `step_size` is 0.5 instead of 1, there are 300 steps instead
    of 100, and at the end (`thinned`) the attack undoes changes that its success does not need, which is our addition:
    counts of changes are smaller than the authors' for this reason too. The preset `published` has the original values.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        steps: Number of gradients per clip, at least 1.
        step_size: Size of the first steps as a fraction of epsilon; it decays to a tenth of this.
        sigma: Smoothness of the L0 norm, above 0; the smaller, the closer to the count of changes.
        threshold: Initial threshold as a fraction of epsilon, in [0, `step_size`).
        threshold_step: Amount by which the threshold rises or falls, as a fraction of the current step size.
        thinned: Whether to undo the changes that success does not need.
        targeted: Whether the attack moves towards `labels` instead of away from them.
    """

    name = "sigma_zero"
    access = "gradient"
    norms = ("l0", "linf")
    targetable = True
    reference = "arXiv 2402.01879"
    presets: ClassVar = {"published": {"steps": 100, "step_size": 1.0, "thinned": False}}

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    steps: int = 300
    step_size: float = 0.5
    sigma: float = 1e-3
    threshold: float = 0.3
    threshold_step: float = 0.01
    thinned: bool = True
    targeted: bool = False

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.steps < 1 or min(self.step_size, self.sigma) <= 0:
            raise StaanetError(
                "expected steps of 1 or more and step_size and sigma above 0, "
                f"got {self.steps}, {self.step_size} and {self.sigma}"
            )
        if not 0 <= self.threshold < self.step_size or self.threshold_step < 0:
            raise StaanetError(
                f"expected threshold in [0, {self.step_size:g}), below the step_size so that changes can pass it, and "
                f"threshold_step of 0 or more, got {self.threshold} and {self.threshold_step}"
            )

    def perturb(self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, _: ClipRandom) -> Tensor:
        """Return the waveforms with the fewest changed samples found, `[B, T]`."""
        best = BestSoFar(model, waveforms, labels, lengths, "margin", self.targeted, size=l0_norm)
        box = Box.of(self.budget, model, waveforms, lengths)
        epsilon = box.epsilon
        low, high = (side / epsilon.clamp_min(torch.finfo(epsilon.dtype).tiny) for side in (box.low, box.high))
        shares = torch.zeros_like(waveforms)  # changes as fractions of epsilon
        optimiser = torch.optim.Adam([shares], self.step_size)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps, self.step_size / 10)
        threshold = torch.full_like(epsilon, self.threshold)
        for _step in range(self.steps):
            points = (waveforms + epsilon * shares).requires_grad_()
            with torch.enable_grad():
                logits = model(points, lengths)
                values = objective_values(logits, labels, "margin", self.targeted)
                (gradients,) = torch.autograd.grad(values.sum(), points)
            self._update(best, epsilon * shares, logits.detach(), gradients, box)
            smooth_l0 = 2 * self.sigma * shares / (shares.square() + self.sigma).square() / lengths[:, None]
            hits = succeeded(logits.detach(), labels, self.targeted)[:, None]
            loss_gradients = torch.where(hits, 0, -epsilon * gradients) + smooth_l0
            shares.grad = loss_gradients / loss_gradients.abs().amax(1, keepdim=True).clamp_min(SMALL)
            optimiser.step()
            schedule.step()
            change = self.threshold_step * schedule.get_last_lr()[0]
            threshold = (threshold + torch.where(hits, change, -change)).clamp(0, 1)
            shares.clamp_(low, high)
            shares[shares.abs() < threshold] = 0
        best.evaluate(limit_count(epsilon * shares, gradients, box))
        if self.thinned:
            prune(best, labels, self.targeted)
        return best.adversarial

    @staticmethod
    def _update(best: BestSoFar, perturbations: Tensor, logits: Tensor, gradients: Tensor, box: Box) -> None:
        """Update the best with perturbations `[B, T]`; those with too many changes take a forward pass without them."""
        few = l0_norm(perturbations) <= box.counts
        best.update(perturbations[few], logits[few], few.nonzero()[:, 0])
        many = (~few).nonzero()[:, 0]
        if len(many):
            best.evaluate(limit_count(perturbations[many], gradients[many], box.rows(many)), many)


def limit_count(perturbations: Tensor, gradients: Tensor, box: Box) -> Tensor:
    """Return perturbations `[B, T]` without the changes, least important first, that exceed the count of the box."""
    few = l0_norm(perturbations) <= box.counts
    return perturbations * (few[:, None] | box.top(gradients * perturbations))
