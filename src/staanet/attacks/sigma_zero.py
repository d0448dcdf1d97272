"""Sigma-zero: a smooth count of the changed samples, minimised beside the margin (https://arxiv.org/abs/2402.01879)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.objectives import objective_values, reached
from staanet.attacks.components.search import Room, Search
from staanet.attacks.components.sparse import changed, thin
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

SMALL = 1e-30
"""What is divided by where there is no slope."""


@dataclass(frozen=True)
class SigmaZero(Attack):
    """Descends the margin plus the mean of u^2 / (u^2 + sigma) over a clip's samples, u being changes over epsilon.

    Source: A. E. Cinà, F. Villani, M. Pintor, L. Schönherr, B. Biggio, M. Pelillo, ICLR 2025, algorithm 1: Adam with a
    falling step on the gradient over its largest entry; changes below a threshold are set to 0 after each step, and the
    threshold rises while the clip is reached and falls while it is not. The paper's full range of a pixel is epsilon
    here, and its threat model bounds no count: a point with too many changes is also judged with those of most worth,
    as many as the budget allows, by a forward pass; and at the end changes are left out as long as the clip stays
    reached.

    Args:
        budget: size and share of the samples.
        steps: gradients per clip.
        step_size: of the first steps, as a share of epsilon; a tenth of it at the end.
        sigma: of the smooth count; the smaller, the sharper.
        threshold: the first one, as a share of epsilon, below `step_size`.
        threshold_step: by how much it rises or falls, as a share of the step's size.
        targeted: go towards `labels` instead of away from them.
    """

    name = "sigma_zero"
    access = "gradient"
    norms = ("l0", "linf")
    targetable = True
    reference = "arXiv 2402.01879"

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    steps: int = 300
    step_size: float = 0.5
    sigma: float = 1e-3
    threshold: float = 0.3
    threshold_step: float = 0.01
    targeted: bool = False

    def __post_init__(self) -> None:
        """Refuse settings with which nothing moves."""
        if self.steps < 1 or min(self.step_size, self.sigma) <= 0:
            raise StaanetError(
                "expected steps of 1 or more and step_size and sigma above 0, "
                f"got {self.steps}, {self.step_size} and {self.sigma}"
            )
        if not 0 <= self.threshold < self.step_size or self.threshold_step < 0:
            raise StaanetError(
                f"expected threshold in [0, {self.step_size:g}), below the step_size, as no change passes it else, and "
                f"threshold_step of 0 or more, got {self.threshold} and {self.threshold_step}"
            )

    def perturb(
        self,
        model: Classifier,
        waveforms: Tensor,
        labels: Tensor,
        lengths: Tensor,
        random: ClipRandom,  # noqa: ARG002
    ) -> Tensor:
        """Return the waveforms `[B, T]` with the fewest changed samples found."""
        search = Search(model, waveforms, labels, lengths, "margin", self.targeted, size=changed)
        room = Room.of(self.budget, model, waveforms, lengths)
        epsilon, _ = self.budget.resolve(waveforms, lengths)
        shares = torch.zeros_like(waveforms)  # changes over epsilon
        low, high = (side / epsilon.clamp_min(torch.finfo(epsilon.dtype).tiny) for side in (room.low, room.high))
        optimiser = torch.optim.Adam([shares], self.step_size)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps, self.step_size / 10)
        threshold = torch.full_like(epsilon, self.threshold)
        for _ in range(self.steps):
            points = (waveforms + epsilon * shares).requires_grad_()
            with torch.enable_grad():
                logits = model(points, lengths)
                values = objective_values(logits, labels, "margin", self.targeted)
                (uphill,) = torch.autograd.grad(values.sum(), points)
            self._judge(search, epsilon * shares, logits.detach(), uphill, room)
            counting = 2 * self.sigma * shares / (shares.square() + self.sigma).square() / lengths[:, None]
            downhill = torch.where(values.detach()[:, None] < 0, -epsilon * uphill, 0) + counting
            shares.grad = downhill / downhill.abs().amax(1, keepdim=True).clamp_min(SMALL)
            optimiser.step()
            schedule.step()
            change = self.threshold_step * schedule.get_last_lr()[0]
            hits = reached(logits.detach(), labels, self.targeted)[:, None]
            threshold = (threshold + torch.where(hits, change, -change)).clamp(0, 1)
            shares.clamp_(low, high)
            shares[shares.abs() < threshold] = 0
        search.look(cut(epsilon * shares, uphill, room), torch.arange(len(waveforms), device=waveforms.device))
        thin(search, labels, self.targeted)
        return search.adversarial

    @staticmethod
    def _judge(search: Search, perturbations: Tensor, logits: Tensor, uphill: Tensor, room: Room) -> None:
        """Judge perturbations `[B, T]`, those with too many changes by a forward pass of their own."""
        few = changed(perturbations) <= room.counts
        search.judge(perturbations[few], logits[few], few.nonzero()[:, 0])
        many = (~few).nonzero()[:, 0]
        if len(many):
            search.look(cut(perturbations[many], uphill[many], room.rows(many)), many)


def cut(perturbations: Tensor, uphill: Tensor, room: Room) -> Tensor:
    """Return perturbations `[B, T]` with no more changes than there may be: those that carry most along `uphill`."""
    few = changed(perturbations) <= room.counts
    return perturbations * (few[:, None] | room.top(uphill * perturbations))
