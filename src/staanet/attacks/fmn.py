"""FMN: gradient steps within a norm ball that grows and shrinks to the boundary (https://arxiv.org/abs/2102.12827)."""

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.dense import FeasibleSet
from staanet.attacks.components.objectives import ValueAndGrad, crossing
from staanet.attacks.components.overshoot import evaluate_growing
from staanet.attacks.components.sparse import l0_norm
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions

Norm = Literal["l0", "l1", "l2", "linf"]

DUAL = {"l1": torch.inf, "l2": 2, "linf": 1}
"""Order of the dual norm, by which a margin is divided to give the distance to the linearised boundary."""
ORDER = {"l1": 1, "l2": 2, "linf": torch.inf}
LAST_STEP = 0.01
"""Length of the last step as a fraction of the first (the authors' value)."""
LAST_GAMMA = 0.001
"""Last value of `gamma` (the authors' value)."""
BISECTIONS = 24
"""Number of halvings that find the threshold of a projection, as many as float32 has binary digits."""
SMALL = 1e-30
"""Replaces 0 as a divisor."""


@dataclass(frozen=True)
class FMN(Attack):
    """The smallest perturbation that fools, by gradient steps within a norm ball whose radius adapts.

    Source: M. Pintor, F. Roli, W. Brendel, B. Biggio, NeurIPS 2021, algorithm 1. Each step follows the gradient of the
    margin and is projected onto the ball. Until the attack has succeeded, the radius is the estimated distance to the
    boundary; after that it shrinks by `gamma` whenever the model is fooled, and grows by as much whenever it is not.
    Steps and `gamma` fall along half a cosine, to 1 % of the first step and to 0.001.

    The smallest perturbation of every clip does not depend on a budget that exceeds it. One run with a wide budget
    therefore gives the robust accuracy at every smaller one: the share of clips that are right and whose norm, in the
    columns `l0`, `l1`, `l2` and `linf` of the outcomes, is larger.

    The budget is our addition: perturbations are clamped to it, and with a sparsity below 1 the samples with the
    largest gain at the clean clip may change (for `l0`, any samples, at most as many). The radius for `l0` starts at
    the number of changes that the linearised model needs, where the paper starts at 1. A clip that is not fooled gets
    the perturbation with the smallest margin.

    The preset `published` has the first step of the authors' code (98c68c2), the full range of one sample, and the 100
    steps of its experiments.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        norm: Norm of the perturbation that the attack minimises.
        steps: Number of gradients per clip, at least 1. The last point takes a forward pass, and up to 8 if it is not
            beyond the boundary.
        step_size: Euclidean norm of the first step in full scale, above 0. Default: that of changing every sample by
            what would fool the linearised model, or, for `l0` and `l1`, by epsilon. This follows the level of a clip
            and its number of samples.
        gamma: First share by which the radius shrinks or grows, in [0.001, 1).
        targeted: Whether the attack moves towards `labels` instead of away from them.
    """

    name = "fmn"
    access = "gradient"
    norms = ("l0", "l1", "l2", "linf")
    targetable = True
    reference = "arXiv 2102.12827"
    presets: ClassVar = {"published": {"steps": 100, "step_size": 2.0, "gamma": 0.05}}

    budget: Budget = Budget(snr_db=17.0)
    norm: Norm = "l2"
    steps: int = 100
    step_size: float | None = None
    gamma: float = 0.05
    targeted: bool = False

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.steps < 1 or (self.step_size is not None and not 0 < self.step_size < math.inf):
            raise StaanetError(
                f"expected steps of 1 or more and a step_size above 0, got {self.steps} and {self.step_size}"
            )
        if not LAST_GAMMA <= self.gamma < 1:
            raise StaanetError(f"expected gamma in [{LAST_GAMMA}, 1), got {self.gamma}; it falls to {LAST_GAMMA}")

    def perturb(self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, _: ClipRandom) -> Tensor:
        """Return the waveforms with the smallest perturbation found, `[B, T]`."""
        size = partial(norms_of, norm=self.norm)
        best = BestSoFar(model, waveforms, labels, lengths, "margin", self.targeted, size)
        box = Box.of(self.budget, model, waveforms, lengths)
        perturbations = torch.zeros_like(waveforms)
        found = best.value_and_grad(perturbations)
        if self.budget.sparsity < 1 and self.norm != "l0":
            box = box.restricted_to(box.top_by_gain(found.gradients))
        first = self._first_step(found, box)
        radius = changes_needed(found, box) if self.norm == "l0" else torch.full_like(first[:, 0], torch.inf)
        for step in range(self.steps):
            if step:
                found = best.value_and_grad(perturbations)
            falling = (1 + math.cos(math.pi * step / self.steps)) / 2
            gamma = LAST_GAMMA + (self.gamma - LAST_GAMMA) * falling
            length = first * (LAST_STEP + (1 - LAST_STEP) * falling)
            movable = torch.where(box.extreme(found.gradients) == perturbations, 0, found.gradients)
            radius = self._next_radius(radius, gamma, found._replace(gradients=movable), size(perturbations), best)
            if self.norm == "l0":
                radius = radius.clamp(torch.ones_like(radius), box.counts)
            moved = perturbations + FeasibleSet(box, length, "l2").full_step(found.gradients)
            perturbations = project(moved, radius, box, self.norm)
        evaluate_growing(best, perturbations, best.all_rows, box)
        return best.adversarial

    def _first_step(self, found: ValueAndGrad, box: Box) -> Tensor:
        """Return the Euclidean norms `[B, 1]` of the first steps."""
        if self.step_size is not None:
            return torch.full_like(box.epsilon, self.step_size)
        free = box.high > box.low
        change = box.epsilon
        if self.norm in ("l2", "linf"):
            slopes = (found.gradients * free).abs().sum(1, keepdim=True)
            change = (shortfall(found)[:, None] / slopes.clamp_min(SMALL)).minimum(change)
        return change * free.sum(1, keepdim=True).sqrt()

    def _next_radius(self, radius: Tensor, gamma: float, found: ValueAndGrad, sizes: Tensor, best: BestSoFar) -> Tensor:
        """Return the radii `[B]` after `found` at perturbations of norms `sizes` `[B]`; see algorithm 1.

        The gradients in `found` are 0 for samples that cannot move any further.
        """
        hits = found.values > crossing(found.logits)
        smallest = torch.where(best.succeeded, -best.values, torch.inf)
        if self.norm == "l0":
            fewer, more = (radius * (1 - gamma)).floor(), (radius * (1 + gamma)).floor()
            return torch.where(hits, fewer.minimum(radius - 1).minimum(smallest), more.maximum(radius + 1))
        slopes: Tensor = torch.linalg.vector_norm(found.gradients, DUAL[self.norm], dim=1)
        estimate = sizes + shortfall(found) / slopes.clamp_min(SMALL)
        grown = torch.where(best.succeeded, radius * (1 + gamma), estimate)
        return torch.where(hits, (radius * (1 - gamma)).minimum(smallest), grown)


def norms_of(perturbations: Tensor, norm: Norm) -> Tensor:
    """Return the norms `[B]` of perturbations `[B, T]`."""
    if norm == "l0":
        return l0_norm(perturbations).to(perturbations.dtype)
    norms: Tensor = torch.linalg.vector_norm(perturbations, ORDER[norm], dim=1)
    return norms


def shortfall(found: ValueAndGrad) -> Tensor:
    """Return by how much the margin must rise to cross the boundary, `[B]`, at least 0."""
    return (crossing(found.logits) - found.values).clamp_min(0)


def changes_needed(found: ValueAndGrad, box: Box) -> Tensor:
    """Return the number of changes with which the linearised model would be fooled at the clean clips, `[B]`."""
    gains = (found.gradients * box.extreme(found.gradients)).sort(1, descending=True).values
    return 1 + (gains.cumsum(1) < shortfall(found)[:, None]).sum(1).to(gains.dtype)


def project(perturbations: Tensor, radius: Tensor, box: Box, norm: Norm) -> Tensor:
    """Return perturbations `[B, T]` projected onto the balls of radii `[B]` and clamped to the box.

    For `l1`, which the box would cut to a fraction of the radius, this is the projection onto both: sizes are reduced
    by the smallest threshold with which they are within the ball, found by bisection.

    >>> low, high = torch.full((1, 3), -1.0), torch.full((1, 3), 1.0)
    >>> box = Box(low, high, counts=torch.tensor([3]), epsilon=torch.ones(1, 1))
    >>> project(torch.tensor([[0.5, -3.0, 0.75]]), torch.tensor([1.25]), box, "l1")
    tensor([[ 0.0000, -1.0000,  0.2500]])
    """
    sizes = perturbations.abs()
    if norm == "linf":
        return box.clamp(perturbations.clamp(-radius[:, None], radius[:, None]))
    if norm == "l2":
        return box.clamp(
            perturbations * (radius / norms_of(perturbations, norm).clamp_min(SMALL)).clamp_max(1)[:, None]
        )
    if norm == "l0":
        return box.clamp(perturbations * top_positions(sizes, radius.long(), sizes > 0))
    low, high = torch.zeros_like(radius)[:, None], sizes.amax(1, keepdim=True)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        outside = _reduced(perturbations, middle, box).abs().sum(1) > radius
        low, high = torch.where(outside[:, None], middle, low), torch.where(outside[:, None], high, middle)
    return _reduced(perturbations, high, box)


def _reduced(perturbations: Tensor, threshold: Tensor, box: Box) -> Tensor:
    """Return perturbations `[B, T]` reduced in size by thresholds `[B, 1]`, and then clamped to the box."""
    return box.clamp(perturbations.sign() * (perturbations.abs() - threshold).clamp_min(0))
