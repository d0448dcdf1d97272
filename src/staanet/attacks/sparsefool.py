"""SparseFool: the fewest samples that cross a linearised decision boundary (https://arxiv.org/abs/1811.02248)."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.objectives import crossing, succeeded
from staanet.attacks.components.sparse import l0_norm, prune
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

SMALL = 1e-30
"""Replaces 0 as a divisor."""


@dataclass(frozen=True)
class SparseFool(Attack):
    """Alternates DeepFool, which finds a boundary point and its normal, with a sparse step across that plane.

    Source: A. Modas, S.-M. Moosavi-Dezfooli, P. Frossard, CVPR 2019, algorithms 1 and 2: samples move one by one, each
    as far as it can, in the order of their contribution, until the plane is crossed. The budget is our addition. A
    sample moves within epsilon. If a round would change more samples than the budget allows, the step is solved again
    from the clean clip with as many as it allows. A clip that is not fooled gets the perturbation with the smallest
    margin; a clip that is fooled takes no more rounds. At the end (`thinned`) the attack undoes the changes that its
    success does not need, by bisection, which takes one more gradient and some forward passes.

    One default differs from the authors' code: `deepfool_steps` is 10 instead of 50. The preset `paper` is the baseline
    of STAA-Net (arXiv 2402.01227), which bounds epsilon but not the count.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        steps: Largest number of gradients per clip; a step of DeepFool takes one per candidate class.
        rounds: Largest number of rounds, at least 1.
        deepfool_steps: Largest number of DeepFool steps in a round. If they circle, the next round continues.
        candidates: Number of likeliest other classes at a point of DeepFool; its step goes to the nearest of them.
        push: Distance of the plane as a multiple of the distance of DeepFool's boundary point (lambda in the paper),
            at least 1.
        overshoot: Distance by which changes pass a boundary, as a fraction of the distance to it, in [0, 1).
        thinned: Whether to undo the changes that success does not need.
    """

    name = "sparsefool"
    access = "gradient"
    norms = ("l0", "linf")
    reference = "arXiv 1811.02248"
    presets: ClassVar = {
        "paper": {"rounds": 20, "deepfool_steps": 50, "push": 10.0, "overshoot": 0.02, "thinned": False}
    }

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    steps: int = 300
    rounds: int = 20
    deepfool_steps: int = 10
    candidates: int = 9
    push: float = 3.0
    overshoot: float = 0.02
    thinned: bool = True

    def __post_init__(self) -> None:
        """Validate the settings."""
        counts = (self.steps, self.rounds, self.deepfool_steps, self.candidates)
        if min(counts) < 1 or not 1 <= self.push < float("inf") or not 0 <= self.overshoot < 1:
            raise StaanetError(
                "expected steps, rounds, deepfool_steps, candidates and push of 1 or more and overshoot in [0, 1), "
                f"got {', '.join(map(str, counts))}, {self.push} and {self.overshoot}"
            )

    def perturb(self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, _: ClipRandom) -> Tensor:
        """Return the waveforms with the fewest changed samples found, `[B, T]`."""
        best = BestSoFar(model, waveforms, labels, lengths, "margin", size=l0_norm)
        box = Box.of(self.budget, model, waveforms, lengths)
        rows, perturbations = best.all_rows, torch.zeros_like(waveforms)
        steps_left = torch.full_like(lengths, self.steps)
        for _round in range(self.rounds):
            normals, rises, steps_left[rows] = self._plane(
                model, waveforms[rows] + perturbations[rows], labels[rows], lengths[rows], steps_left[rows]
            )
            perturbations[rows] = cross_plane(normals, rises, perturbations[rows], box.rows(rows))
            best.evaluate(box.rows(rows).clamp((1 + self.overshoot) * perturbations[rows]), rows)
            rows = rows[~best.succeeded[rows] & (steps_left[rows] > 0)]
            if not len(rows):
                break
        if self.thinned:
            prune(best, labels)
        return best.adversarial

    def _plane(
        self, model: Classifier, points: Tensor, labels: Tensor, lengths: Tensor, steps_left: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run DeepFool from points `[b, T]`, and return the plane that approximates the boundary near them.

        Returns:
            Normals of the planes, `[b, T]`; the distances to the planes along them, in logits, `[b]`; the number of
            gradients that each clip may still take, `[b]`.
        """
        normals, moves = torch.zeros_like(points), torch.zeros_like(points)
        steps_left = steps_left.clone()
        rows = torch.arange(len(points), device=points.device)
        for _ in range(self.deepfool_steps):
            current = (points[rows] + (1 + self.overshoot) * moves[rows]).clamp(*bounds_of(model))
            found = nearest_rival(model, current, labels[rows], lengths[rows], self.candidates)
            normals[rows] = found.slopes
            cost = found.gradients
            steps_left[rows] = torch.where(steps_left[rows] >= 2 * cost, steps_left[rows] - cost, 0)
            left = ~found.crossed & (steps_left[rows] > 0)
            rows = rows[left]
            if not len(rows):
                break
            squared_norms = found.slopes.square().sum(1, keepdim=True).clamp_min(SMALL)
            moves[rows] += (found.gaps / squared_norms * found.slopes)[left]
        rises = self.push * (1 + self.overshoot) * (normals * moves).sum(1).clamp_min(0)
        return normals, rises, steps_left


class Rival(NamedTuple):
    """The other class of each clip whose linearised boundary is nearest."""

    crossed: Tensor
    """Whether the model already decides for another class, which is then the rival, `[b]`."""
    gaps: Tensor
    """Logit of the label minus the logit of the rival; where that is on the boundary, the rise which crosses it,
    `[b, 1]`."""
    slopes: Tensor
    """Gradient of the rival's logit minus the label's, `[b, T]`."""
    gradients: int
    """Number of gradients per clip that this took."""


def nearest_rival(model: Classifier, points: Tensor, labels: Tensor, lengths: Tensor, candidates: int) -> Rival:
    """Return the nearest of the likeliest other classes at points `[b, T]`, by the linearised model."""
    points = points.requires_grad_()
    with torch.enable_grad():
        logits = model(points, lengths)
        others = logits.detach().scatter(1, labels[:, None], -torch.inf)
        classes = others.topk(min(candidates, logits.shape[1] - 1)).indices
        gaps = logits.gather(1, labels[:, None]) - logits.gather(1, classes)  # [b, C]
    crossed = succeeded(logits.detach(), labels)[:, None]
    least = crossing(logits.detach())[:, None]
    nearest = torch.full_like(gaps[:, :1], torch.inf)
    nearest_gaps, nearest_slopes = torch.zeros_like(nearest), torch.zeros_like(points)
    for gap in gaps.split(1, dim=1):
        (slopes,) = torch.autograd.grad(-gap.sum(), points, retain_graph=True)
        gap = torch.where(crossed | (gap > least), gap, gap + 2 * least).detach()
        distances = torch.where(crossed, gap, gap / slopes.norm(dim=1, keepdim=True).clamp_min(SMALL))
        nearest_gaps = torch.where(distances < nearest, gap, nearest_gaps)
        nearest_slopes = torch.where(distances < nearest, slopes, nearest_slopes)
        nearest = torch.minimum(distances, nearest)
    return Rival(crossed[:, 0], nearest_gaps, nearest_slopes.detach(), classes.shape[1])


def cross_plane(normals: Tensor, rises: Tensor, perturbations: Tensor, box: Box) -> Tensor:
    """Return perturbations `[b, T]` moved further by `rises` `[b]` along normals `[b, T]`, as far as the box allows.

    The move uses the fewest samples. Where the result would change more samples than the count of the box, the
    perturbation is solved again from the clean clip with at most that count.

    >>> low, high = torch.full((1, 3), -1.0), torch.full((1, 3), 1.0)
    >>> box = Box(low, high, counts=torch.tensor([2]), epsilon=torch.ones(1, 1))
    >>> cross_plane(torch.tensor([[1.0, -3.0, 2.0]]), torch.tensor([4.0]), torch.zeros(1, 3), box)
    tensor([[ 0.0000, -1.0000,  0.5000]])
    """
    continued = _moved(normals, rises, perturbations, box, torch.full_like(box.counts, perturbations.shape[1]))
    so_far = (normals * perturbations).sum(1)
    restarted = _moved(normals, rises + so_far, torch.zeros_like(perturbations), box, box.counts)
    return torch.where((l0_norm(continued) > box.counts)[:, None], restarted, continued)


def _moved(normals: Tensor, rises: Tensor, start: Tensor, box: Box, most: Tensor) -> Tensor:
    """Return `start` `[b, T]` with at most `most` `[b]` samples moved, those with the largest gains first."""
    moves = box.extreme(normals) - start
    gains = torch.where(normals == 0, 0, normals * moves)  # [b, T], at least 0
    ordered = gains.sort(1, descending=True)
    before = ordered.values.cumsum(1) - ordered.values
    shares = ((rises[:, None] - before) / ordered.values.clamp_min(SMALL)).clamp(0, 1)
    shares = shares * (ordered.values > 0) * (torch.arange(start.shape[1], device=start.device) < most[:, None])
    return start + moves * torch.zeros_like(start).scatter(1, ordered.indices, shares)
