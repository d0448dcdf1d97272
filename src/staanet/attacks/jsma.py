"""JSMA: the samples of the highest saliency change first, some in each step (https://arxiv.org/abs/1511.07528)."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.objectives import objective_values
from staanet.attacks.components.search import Room, Search
from staanet.attacks.components.sparse import changed, thin
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions

Goal = Literal["runner_up", "random"]
"""Which class to go to, where none is given: in each step the likeliest other one, and any will do; or a random one,
and no other will do."""
Saliency = Literal["margin", "cross_entropy", "map"]
"""- `margin`: the gradient of the goal's logit less the highest other;
- `cross_entropy`: of the goal's log-probability, which orders samples as the paper's map of probabilities does;
- `map`: the paper's equation 8 on logits: samples that raise the goal and lower the sum of the others, or with the
  opposite change, by the product of the two; it takes two gradients a step."""


@dataclass(frozen=True)
class JSMA(Attack):
    """In each step the samples of the highest saliency change, until the goal is reached or the budget is used up.

    Source: N. Papernot, P. McDaniel, S. Jha, M. Fredrikson, Z. B. Celik, A. Swami, EuroS&P 2016, algorithms 2 and 3.
    There pairs of samples are searched, which takes memory of the square of their number; here samples are ranked one
    by one, by saliency times how far they can go, and several change in a step. The budget is ours. Once it is used up,
    samples that have changed go on where the saliency has turned. At the end (`thinned`) changes are left out as long
    as the clip stays reached: one more gradient and some forward passes.

    The preset `systematic` is arXiv 2404.18514 at theta 1, which counts standardised features; -1, -0.5 and 0.5 are its
    others. It changes two of 33 408 features a step, and goes to a random class.

    Args:
        budget: size and share of the samples.
        steps: gradients per clip, at most; of `map`, pairs of them.
        samples: that change in a step; a tenth of those that the budget allows where left out.
        theta: change of a sample in a step, in units of the waveform, not 0; where left out, as far as it can go, up or
            down.
        gamma: share of the samples that may change, in (0, 1], where that is less than the budget's.
        saliency: what ranks the samples.
        goal: the class to go to, where not targeted.
        thinned: leave out what is not needed.
        targeted: go towards `labels` instead of away from them.
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
        """Refuse settings with which nothing moves."""
        if self.steps < 1 or (self.samples is not None and self.samples < 1):
            raise StaanetError(f"expected steps and samples of 1 or more, got {self.steps} and {self.samples}")
        if self.theta == 0 or not 0 < self.gamma <= 1:
            raise StaanetError(f"expected theta other than 0 and gamma in (0, 1], got {self.theta} and {self.gamma}")

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the waveforms `[B, T]` with the fewest changed samples found."""
        targeted = self.targeted
        if self.goal == "random" and not targeted:
            others = model(waveforms[:1], lengths[:1]).shape[1] - 1
            drawn = (random.uniform(1)[:, 0] * others).long()
            targeted, labels = True, (labels + 1 + drawn) % (others + 1)
        search = Search(model, waveforms, labels, lengths, "margin", targeted, size=changed)
        budget = replace(self.budget, sparsity=min(self.budget.sparsity, self.gamma))
        room = Room.of(budget, model, waveforms, lengths)
        perturbations = torch.zeros_like(waveforms)
        rows = torch.arange(len(waveforms), device=waveforms.device)
        for _ in range(self.steps):
            points = (waveforms[rows] + perturbations[rows]).requires_grad_()
            with torch.enable_grad():
                logits = model(points, lengths[rows])
            search.judge(perturbations[rows], logits.detach(), rows)
            goals = labels[rows] if targeted else runner_up(logits, labels[rows])
            moved = self._moved(self._saliency(logits, goals, points), perturbations[rows], room.rows(rows))
            on = ~search.reached[rows] & (moved != perturbations[rows]).any(1)
            rows = rows[on]
            if not len(rows):
                break
            perturbations[rows] = moved[on]
        else:
            search.look(perturbations[rows], rows)
        if self.thinned:
            thin(search, labels, targeted)
        return search.adversarial

    def _saliency(self, logits: Tensor, goals: Tensor, points: Tensor) -> Tensor:
        """Return how much a rise of each sample of points `[b, T]` is worth."""
        if self.saliency != "map":
            values = objective_values(logits, goals, self.saliency, targeted=True)
            return torch.autograd.grad(values.sum(), points)[0]
        aims = logits.gather(1, goals[:, None]).sum()
        (rise,) = torch.autograd.grad(aims, points, retain_graph=True)
        (rest,) = torch.autograd.grad(logits.sum() - aims, points)
        return torch.where(rise * rest < 0, rise * rest.abs(), 0)

    def _moved(self, saliency: Tensor, perturbations: Tensor, room: Room) -> Tensor:
        """Return perturbations `[b, T]` with the samples of a step changed."""
        ends = room.furthest(saliency)
        if self.theta is not None:
            ends = room.clamp(perturbations + self.theta)
        gains = saliency * (ends - perturbations)
        fresh = perturbations == 0
        spare = room.counts - changed(perturbations)
        samples = -(-room.counts // 10) if self.samples is None else torch.full_like(spare, self.samples)
        chosen = top_positions(gains, samples, (gains > 0) & (~fresh | (spare > 0)[:, None]))
        added = top_positions(gains, spare, chosen & fresh)
        return torch.where(added | (chosen & ~fresh), ends, perturbations)


def runner_up(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the likeliest class `[b]` other than the labels `[b]`.

    >>> runner_up(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0]))
    tensor([2])
    """
    return logits.scatter(1, labels[:, None], -torch.inf).argmax(1)
