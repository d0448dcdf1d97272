"""DeepFool: steps to the nearest decision boundary of the linearised model (https://arxiv.org/abs/1511.04599)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.dense import Norm
from staanet.attacks.components.objectives import crossing
from staanet.attacks.components.overshoot import MAX_OVERSHOOT, evaluate_growing
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

SMALL = 1e-30
"""Replaces 0 as a divisor."""


@dataclass(frozen=True)
class DeepFool(Attack):
    """The smallest perturbation that crosses a decision boundary, by steps to the nearest linearised boundary.

    Source: S.-M. Moosavi-Dezfooli, A. Fawzi, P. Frossard, CVPR 2016, algorithm 2; equations 10 and 11 for `linf`. The
    budget is our addition: perturbations are clamped to it, a step uses only samples that can still move along it, and
    a clip that is not fooled gets the perturbation with the smallest margin. With a sparsity below 1 the samples with
    the largest gain at the clean clip may change, which takes one more gradient.

    The overshoot is a share of the whole perturbation, as in the paper. A clip takes no more steps once it is fooled
    by a margin that survives saving (`CROSSING`). One that the last step leaves on the boundary, or in front of it, is
    evaluated at up to eight larger overshoots, each twice the one before, until it is fooled or the overshoot is the
    paper's 0.02. The preset `systematic` is arXiv 2404.18514, whose models have five classes.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        norm: Norm of the perturbation that the attack minimises.
        steps: Largest number of steps per clip, at least 1. Each takes one gradient per candidate class.
        candidates: Number of likeliest other classes on the clean clip; a step crosses the nearest of their boundaries.
        overshoot: Distance by which the perturbation passes the boundary, as a fraction of its own length.
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
        """Validate the settings."""
        if min(self.steps, self.candidates) < 1 or not 0 <= self.overshoot < float("inf"):
            raise StaanetError(
                "expected steps and candidates of 1 or more and an overshoot of 0 or more, "
                f"got {self.steps}, {self.candidates} and {self.overshoot}"
            )

    def perturb(self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, _: ClipRandom) -> Tensor:
        """Return the waveforms with the smallest perturbation found, `[B, T]`."""
        best = BestSoFar(model, waveforms, labels, lengths, "margin")
        rows, totals = best.all_rows, torch.zeros_like(waveforms)
        box = Box.of(self.budget, model, waveforms, lengths)
        if self.budget.sparsity < 1:
            box = box.restricted_to(box.top_by_gain(best.value_and_grad(totals).gradients))
        classes = torch.empty(0)
        for step in range(self.steps):
            perturbations = box.rows(rows).clamp((1 + self.overshoot) * totals)
            points = (waveforms[rows] + perturbations).requires_grad_()
            with torch.enable_grad():
                logits = model(points, lengths[rows])
                if step == 0:
                    others = logits.detach().scatter(1, labels[:, None], -torch.inf)
                    classes = others.topk(min(self.candidates, logits.shape[1] - 1)).indices  # [B, C]
                gaps = logits.gather(1, labels[rows, None]) - logits.gather(1, classes[rows])  # [b, C]
            best.update(perturbations, logits.detach(), rows)
            left = ~best.succeeded[rows]
            if not left.any():
                return best.adversarial
            least = crossing(logits.detach())[:, None]
            moved = totals + self._step(gaps, points, perturbations, least, box.rows(rows))
            rows = rows[left]
            totals = box.rows(rows).clamp(moved[left])
        evaluate_growing(best, totals, rows, box, self.overshoot)
        return best.adversarial

    def _step(self, gaps: Tensor, points: Tensor, perturbations: Tensor, least: Tensor, box: Box) -> Tensor:
        """Return the step `[b, T]` to the nearest boundary, where one of the gaps `[b, C]` between logits vanishes.

        From a point on a boundary, the step goes beyond it by more than the margin `least` `[b, 1]`.
        """
        nearest = torch.full_like(points[:, :1], torch.inf)
        step = torch.zeros_like(points)
        for gap in gaps.split(1, dim=1):  # [b, 1]
            (slope,) = torch.autograd.grad(-gap.sum(), points, retain_graph=True)
            slope = torch.where(box.extreme(slope) == perturbations, 0, slope)
            direction = slope if self.norm == "l2" else slope.sign()
            rise = torch.where(gap > least, gap, gap + (1 + MAX_OVERSHOOT) * least).detach()
            candidate = direction * rise / (slope * direction).sum(1, keepdim=True).clamp_min(SMALL)
            size = candidate.norm(dim=1, keepdim=True) if self.norm == "l2" else candidate.abs().amax(1, keepdim=True)
            nearer = (size < nearest) & (size > 0)
            nearest = torch.where(nearer, size, nearest)
            step = torch.where(nearer, candidate, step)
        return step
