"""DeepFool: steps to the nearest decision boundary of the linearised model (https://arxiv.org/abs/1511.04599)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.dense import Norm
from staanet.attacks.components.search import Room, Search
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

SMALL = 1e-30
"""What slopes are divided by where they are none."""


@dataclass(frozen=True)
class DeepFool(Attack):
    """The least change that crosses a decision boundary, by steps to the nearest one of the linearised model.

    Source: S.-M. Moosavi-Dezfooli, A. Fawzi, P. Frossard, CVPR 2016, algorithm 2; equations 10 and 11 for `linf`. The
    budget is ours: changes are cut to it, a step is made of the samples that can still go its way, and a clip that is
    not reached gets what came closest. With a sparsity below 1 the samples that may change are those with the largest
    gradient of the margin at the clean clip, for which it looks once more. A clip ends once it is reached. The preset
    `systematic` is arXiv 2404.18514, whose models have five classes.

    Args:
        budget: size and share of the samples.
        norm: in which the change is to be small.
        steps: at most; each takes a gradient per candidate.
        candidates: the likeliest other classes on the clean clip; a step goes to the nearest of them.
        overshoot: how far beyond the boundary a step goes, as a share of the way to it.
    """

    name = "deepfool"
    access = "gradient"
    norms = ("l2", "linf")
    reference = "arXiv 1511.04599"
    presets: ClassVar = {"systematic": {"steps": 20, "candidates": 4, "overshoot": 1e-5}}

    budget: Budget = Budget(snr_db=17.0)
    norm: Norm = "l2"
    steps: int = 50
    candidates: int = 9
    overshoot: float = 0.02

    def __post_init__(self) -> None:
        """Refuse settings with which nothing moves."""
        if min(self.steps, self.candidates) < 1 or not 0 <= self.overshoot < float("inf"):
            raise StaanetError(
                "expected steps and candidates of 1 or more and an overshoot of 0 or more, "
                f"got {self.steps}, {self.candidates} and {self.overshoot}"
            )

    def perturb(
        self,
        model: Classifier,
        waveforms: Tensor,
        labels: Tensor,
        lengths: Tensor,
        random: ClipRandom,  # noqa: ARG002
    ) -> Tensor:
        """Return the waveforms `[B, T]` with the least change found."""
        search = Search(model, waveforms, labels, lengths, "margin")
        rows = torch.arange(len(waveforms), device=waveforms.device)
        perturbations = torch.zeros_like(waveforms)
        room = Room.of(self.budget, model, waveforms, lengths)
        if self.budget.sparsity < 1:
            room = room.at(room.promising(search.climb(perturbations, rows).gradients))
        classes = torch.empty(0)
        for step in range(self.steps):
            points = (waveforms[rows] + perturbations).requires_grad_()
            with torch.enable_grad():
                logits = model(points, lengths[rows])
                if step == 0:
                    others = logits.detach().scatter(1, labels[:, None], -torch.inf)
                    classes = others.topk(min(self.candidates, logits.shape[1] - 1)).indices  # [B, C]
                gaps = logits.gather(1, labels[rows, None]) - logits.gather(1, classes[rows])  # [b, C]
            search.judge(perturbations, logits.detach(), rows)
            left = ~search.reached[rows]
            if not left.any():
                return search.adversarial
            moved = perturbations + (1 + self.overshoot) * self._step(gaps, points, perturbations, room.rows(rows))
            rows = rows[left]
            perturbations = room.rows(rows).clamp(moved[left])
        search.look(perturbations, rows)
        return search.adversarial

    def _step(self, gaps: Tensor, points: Tensor, perturbations: Tensor, room: Room) -> Tensor:
        """Return the step `[b, T]` over the nearest of the boundaries, where gaps `[b, C]` of the logits vanish."""
        nearest = torch.full_like(points[:, :1], torch.inf)
        step = torch.zeros_like(points)
        beyond = torch.finfo(gaps.dtype).eps * (1 + gaps.detach().abs().amax(1, keepdim=True))
        for gap in gaps.split(1, dim=1):  # [b, 1]
            (slope,) = torch.autograd.grad(-gap.sum(), points, retain_graph=True)
            slope = torch.where(room.furthest(slope) == perturbations, 0, slope)
            direction = slope if self.norm == "l2" else slope.sign()
            way = direction * (gap.detach() + beyond) / (slope * direction).sum(1, keepdim=True).clamp_min(SMALL)
            distance = way.norm(dim=1, keepdim=True) if self.norm == "l2" else way.abs().amax(1, keepdim=True)
            nearer = (distance < nearest) & (distance > 0)
            nearest = torch.where(nearer, distance, nearest)
            step = torch.where(nearer, way, step)
        return step
