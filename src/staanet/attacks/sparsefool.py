"""SparseFool: the fewest samples that cross a linearised decision boundary (https://arxiv.org/abs/1811.02248)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.objectives import reached
from staanet.attacks.components.search import Room, Search
from staanet.attacks.components.sparse import changed, thin
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

SMALL = 1e-30
"""What is divided by where there is no slope."""


@dataclass(frozen=True)
class SparseFool(Attack):
    """Rounds of two: DeepFool finds the nearest boundary point and its normal, then samples move to cross that plane.

    Source: A. Modas, S.-M. Moosavi-Dezfooli, P. Frossard, CVPR 2019, algorithms 1 and 2: samples move one by one, each
    as far as it can, those that carry furthest first, until the plane is cross_corpus. The budget is ours. A sample moves
    within epsilon; where a round would change more samples than the budget allows, it is solved anew from the clean
    clip with as many as it allows; a clip that is not reached gets what came closest. A clip ends once it is reached.
    Then (`thinned`) changes are left out, those that carry least first, as long as it stays reached, by
    bisection: one more gradient and some forward passes.

    The preset `paper` is the baseline of STAA-Net (arXiv 2402.01227), which bounds epsilon and no count.

    Args:
        budget: size and share of the samples.
        steps: gradients per clip, at most; a DeepFool step takes one per candidate.
        rounds: at most.
        deepfool_steps: in each round, at most; where they circle, the next round goes on.
        candidates: the likeliest other classes where DeepFool is; a step goes to the nearest of them.
        push: how much further than its boundary point DeepFool's plane is put, lambda in the paper, at least 1.
        overshoot: how far beyond a boundary changes go, as a share of the way.
        thinned: leave out what is not needed.
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
        """Refuse settings with which nothing moves."""
        counts = (self.steps, self.rounds, self.deepfool_steps, self.candidates)
        if min(counts) < 1 or not 1 <= self.push < float("inf") or not 0 <= self.overshoot < 1:
            raise StaanetError(
                "expected steps, rounds, deepfool_steps, candidates and push of 1 or more and overshoot in [0, 1), "
                f"got {', '.join(map(str, counts))}, {self.push} and {self.overshoot}"
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
        search = Search(model, waveforms, labels, lengths, "margin", size=changed)
        room = Room.of(self.budget, model, waveforms, lengths)
        perturbations = torch.zeros_like(waveforms)
        left = torch.full_like(lengths, self.steps)
        rows = torch.arange(len(waveforms), device=waveforms.device)
        for _ in range(self.rounds):
            normals, rises, left[rows] = self._plane(
                model, waveforms[rows] + perturbations[rows], labels[rows], lengths[rows], left[rows]
            )
            perturbations[rows] = cross_corpus(normals, rises, perturbations[rows], room.rows(rows))
            search.look(room.rows(rows).clamp((1 + self.overshoot) * perturbations[rows]), rows)
            rows = rows[~search.reached[rows] & (left[rows] > 0)]
            if not len(rows):
                break
        if self.thinned:
            thin(search, labels)
        return search.adversarial

    def _plane(
        self, model: Classifier, points: Tensor, labels: Tensor, lengths: Tensor, left: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return normals `[b, T]` of the boundary near points `[b, T]`, the rise along them to it, and what is left.

        The rise `[b]` is in logits; `left` `[b]` counts gradients. This is DeepFool, from the points on.
        """
        normals, moves = torch.zeros_like(points), torch.zeros_like(points)
        left = left.clone()
        rows = torch.arange(len(points), device=points.device)
        for _ in range(self.deepfool_steps):
            here = (points[rows] + moves[rows]).clamp(*bounds_of(model))
            hits, gaps, slopes, cost = nearest(model, here, labels[rows], lengths[rows], self.candidates)
            normals[rows] = slopes
            left[rows] = torch.where(left[rows] >= 2 * cost, left[rows] - cost, 0)
            on = ~hits & (left[rows] > 0)
            rows = rows[on]
            if not len(rows):
                break
            steep = slopes.square().sum(1, keepdim=True).clamp_min(SMALL)
            moves[rows] += ((1 + self.overshoot) * gaps / steep * slopes)[on]
        return normals, self.push * (normals * moves).sum(1).clamp_min(0), left


def nearest(
    model: Classifier, points: Tensor, labels: Tensor, lengths: Tensor, candidates: int
) -> tuple[Tensor, Tensor, Tensor, int]:
    """Return what the linearised model at points `[b, T]` says of the nearest of the likeliest other classes.

    Returns:
        whether each clip is decided otherwise already, `[b]`, in which case that class is meant; how much its logit
        lacks, `[b, 1]`; the gradient of the difference, `[b, T]`; how many gradients that took.
    """
    points = points.requires_grad_()
    with torch.enable_grad():
        logits = model(points, lengths)
        others = logits.detach().scatter(1, labels[:, None], -torch.inf)
        rivals = others.topk(min(candidates, logits.shape[1] - 1)).indices
        gaps = logits.gather(1, labels[:, None]) - logits.gather(1, rivals)  # [b, C]
    hits = reached(logits.detach(), labels)[:, None]
    distance = torch.full_like(gaps[:, :1], torch.inf)
    gap, slope = torch.zeros_like(distance), torch.zeros_like(points)
    for rival in gaps.split(1, dim=1):
        (its_slope,) = torch.autograd.grad(-rival.sum(), points, retain_graph=True)
        its_gap = rival.detach()
        away = torch.where(hits, its_gap, its_gap / its_slope.norm(dim=1, keepdim=True).clamp_min(SMALL))
        gap, slope = torch.where(away < distance, its_gap, gap), torch.where(away < distance, its_slope, slope)
        distance = torch.minimum(away, distance)
    return hits[:, 0], gap, slope.detach(), rivals.shape[1]


def cross_corpus(normals: Tensor, rises: Tensor, perturbations: Tensor, room: Room) -> Tensor:
    """Return perturbations `[b, T]` that go further by `rises` `[b]` along normals `[b, T]`, or as far as they can.

    By the fewest samples that do not move yet; by the count of the room at most, then without those that moved before.

    >>> room = Room(torch.full((1, 3), -1.0), torch.full((1, 3), 1.0), torch.tensor([2]))
    >>> cross_corpus(torch.tensor([[1.0, -3.0, 2.0]]), torch.tensor([4.0]), torch.zeros(1, 3), room)
    tensor([[ 0.0000, -1.0000,  0.5000]])
    """
    onwards = _moved(normals, rises, perturbations, room, torch.full_like(room.counts, perturbations.shape[1]))
    so_far = (normals * perturbations).sum(1)
    anew = _moved(normals, rises + so_far, torch.zeros_like(perturbations), room, room.counts)
    return torch.where((changed(onwards) > room.counts)[:, None], anew, onwards)


def _moved(normals: Tensor, rises: Tensor, start: Tensor, room: Room, most: Tensor) -> Tensor:
    """Return `start` `[b, T]` with at most `most` `[b]` samples moved, those first that carry furthest."""
    ways = room.furthest(normals) - start
    gains = torch.where(normals == 0, 0, normals * ways)  # [b, T], at least 0
    ordered = gains.sort(1, descending=True)
    before = ordered.values.cumsum(1) - ordered.values
    shares = ((rises[:, None] - before) / ordered.values.clamp_min(SMALL)).clamp(0, 1)
    shares = shares * (ordered.values > 0) * (torch.arange(start.shape[1], device=start.device) < most[:, None])
    return start + ways * torch.zeros_like(start).scatter(1, ordered.indices, shares)
