"""JSMA: the samples of the highest saliency change first, some in each step (https://arxiv.org/abs/1511.07528)."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.objectives import objective_values
from staanet.attacks.components.sparse import l0_norm, prune
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions

Goal = Literal["runner_up", "random"]
"""The class that an untargeted attack moves towards:

- `runner_up`: in each step the likeliest other class; any other class counts as success;
- `random`: one random other class; only this class counts as success."""
Saliency = Literal["margin", "cross_entropy", "map"]
"""- `margin`: gradient of the logit of the goal minus the highest other logit;
- `cross_entropy`: gradient of the log-probability of the goal, which ranks samples like the paper's map does;
- `map`: the paper's equation 8 on logits. It ranks samples that raise the goal and lower the sum of the other logits
  (or do so with the opposite change) by the product of the two gradients, which takes two gradients per step."""


@dataclass(frozen=True)
class JSMA(Attack):
    """In each step the samples of the highest saliency change, until the goal is reached or the budget is used up.

    Source: N. Papernot, P. McDaniel, S. Jha, M. Fredrikson, Z. B. Celik, A. Swami, EuroS&P 2016, algorithms 2 and 3.
    The paper searches pairs of samples, which takes memory quadratic in their number. Here samples are ranked one by
    one, by saliency times possible change, and several change in a step. The budget is our addition. Once it is used
    up, samples that have already changed move on if their saliency has changed sign. At the end (`thinned`) the attack
    undoes the changes that its success does not need, which takes one more gradient and some forward passes.

    The defaults differ from the paper, which changes two samples per step by `theta` 1, the whole range, in at most
    14.5 % of the samples, ranks them by `map`, and is targeted. The preset `systematic` is arXiv 2404.18514 at theta 1,
    in units of standardised features; its other values are -1, -0.5 and 0.5. It changes two of 33 408 features per step
    and moves towards a random class.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        steps: Largest number of gradients per clip, at least 1; for `map`, of pairs of gradients.
        samples: Number of samples that change in a step. Default: a tenth of those that the budget allows.
        theta: Change of a sample per step in full scale, not 0. Default: the largest that the budget allows, up or
            down.
        gamma: Share of the samples that may change, in (0, 1], if this is less than the sparsity of the budget.
        saliency: Quantity that ranks the samples.
        goal: Class that the attack moves towards if it is not targeted.
        thinned: Whether to undo the changes that success does not need.
        targeted: Whether the attack moves towards `labels` instead of away from them.
    """

    name = "jsma"
    access = "gradient"
    norms = ("l0", "linf")
    targetable = True
    reference = "arXiv 1511.07528"
    presets: ClassVar = {
        "systematic": {
            "steps": 16_704,
            "samples": 2,
            "theta": 1.0,
            "saliency": "cross_entropy",
            "goal": "random",
            "thinned": False,
        }
    }

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    steps: int = 100
    samples: int | None = None
    theta: float | None = None
    gamma: float = 1.0
    saliency: Saliency = "margin"
    goal: Goal = "runner_up"
    thinned: bool = True
    targeted: bool = False

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.steps < 1 or (self.samples is not None and self.samples < 1):
            raise StaanetError(f"expected steps and samples of 1 or more, got {self.steps} and {self.samples}")
        if self.theta == 0 or not 0 < self.gamma <= 1:
            raise StaanetError(f"expected theta other than 0 and gamma in (0, 1], got {self.theta} and {self.gamma}")

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the waveforms with the fewest changed samples found, `[B, T]`."""
        targeted = self.targeted
        if self.goal == "random" and not targeted:
            others = model(waveforms[:1], lengths[:1]).shape[1] - 1
            offsets = (random.uniform(1)[:, 0] * others).long()
            targeted, labels = True, (labels + 1 + offsets) % (others + 1)
        best = BestSoFar(model, waveforms, labels, lengths, "margin", targeted, size=l0_norm)
        budget = replace(self.budget, sparsity=min(self.budget.sparsity, self.gamma))
        box = Box.of(budget, model, waveforms, lengths)
        rows, perturbations = best.all_rows, torch.zeros_like(waveforms)
        for _ in range(self.steps):
            points = (waveforms[rows] + perturbations[rows]).requires_grad_()
            with torch.enable_grad():
                logits = model(points, lengths[rows])
            best.update(perturbations[rows], logits.detach(), rows)
            goals = labels[rows] if targeted else runner_up(logits, labels[rows])
            moved = self._moved(self._saliency(logits, goals, points), perturbations[rows], box.rows(rows))
            left = ~best.succeeded[rows] & (moved != perturbations[rows]).any(1)
            rows = rows[left]
            if not len(rows):
                break
            perturbations[rows] = moved[left]
        else:
            best.evaluate(perturbations[rows], rows)
        if self.thinned:
            prune(best, labels, targeted)
        return best.adversarial

    def _saliency(self, logits: Tensor, goals: Tensor, points: Tensor) -> Tensor:
        """Return the signed saliency of each sample of points `[b, T]`."""
        if self.saliency != "map":
            values = objective_values(logits, goals, self.saliency, targeted=True)
            return torch.autograd.grad(values.sum(), points)[0]
        goal_logits = logits.gather(1, goals[:, None]).sum()
        (goal,) = torch.autograd.grad(goal_logits, points, retain_graph=True)
        (others,) = torch.autograd.grad(logits.sum() - goal_logits, points)
        return torch.where(goal * others < 0, goal * others.abs(), 0)

    def _moved(self, saliency: Tensor, perturbations: Tensor, box: Box) -> Tensor:
        """Return perturbations `[b, T]` after one step."""
        ends = box.extreme(saliency)
        if self.theta is not None:
            ends = box.clamp(perturbations + self.theta)
        gains = saliency * (ends - perturbations)
        unchanged = perturbations == 0
        spare = box.counts - l0_norm(perturbations)
        samples = -(-box.counts // 10) if self.samples is None else torch.full_like(spare, self.samples)
        chosen = top_positions(gains, samples, (gains > 0) & (~unchanged | (spare > 0)[:, None]))
        added = top_positions(gains, spare, chosen & unchanged)
        return torch.where(added | (chosen & ~unchanged), ends, perturbations)


def runner_up(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the likeliest class `[b]` other than the labels `[b]`.

    >>> runner_up(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0]))
    tensor([2])
    """
    return logits.scatter(1, labels[:, None], -torch.inf).argmax(1)
