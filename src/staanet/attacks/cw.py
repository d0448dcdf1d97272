"""Carlini and Wagner's attacks: the smallest perturbation that fools, traded off against the remaining margin."""

import abc
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.objectives import crossing
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

CHECKS = 10
"""Number of times per round that the attack drops clips whose losses have stopped falling (the authors' number)."""
INSIDE = 1 - 1e-6
"""Largest start inside the box, as a fraction of its half-width: on its border the gradient of tanh vanishes."""
SMALL = 1e-30
"""Replaces 0 as a divisor."""
MAX_WEIGHT = 1e8
"""Largest weight of the margin, as a multiple of the first weight."""


class Clips(NamedTuple):
    """The clips that do not fool the model in their clean form."""

    rows: Tensor
    """Indices of the clips in the batch, `[b]`."""
    box: Box
    values: Tensor
    """Objective of the clean clips, `[b, 1]`."""
    slopes: Tensor
    """Gradient of the objective at the clean clips, `[b, T]`; 0 for samples that may not change."""
    unit: Tensor
    """Change of every sample with which the linearised model would be fooled, at most epsilon, `[b, 1]`. Perturbations
    are measured in this unit, which makes the attack independent of the level of a clip and the scale of the logits."""

    @classmethod
    def of(cls, rows: Tensor, box: Box, values: Tensor, gradients: Tensor) -> "Clips":
        """Return the clips `rows` `[b]` with their slopes and units; the other arguments are those of these clips."""
        slopes = gradients * (box.high > box.low)
        largest = torch.maximum(-box.low, box.high).amax(1, keepdim=True)
        needed = values.abs() / slopes.abs().sum(1, keepdim=True).clamp_min(SMALL)
        unit = needed.clamp(largest / 1000, largest).clamp_min(SMALL)
        return cls(rows, box, values, slopes, unit)


@dataclass(frozen=True)
class CarliniWagner(Attack):
    """Base class of the two attacks: rounds of Adam on the size of a perturbation plus its weighted margin.

    The optimised variable passes through tanh, which keeps the perturbation in the box of the budget. The margin must
    pass the boundary by `crossing`, a small kappa of the paper, so that clips do not end on it. Each attack explains
    its settings.
    """

    access = "gradient"
    targetable = True
    reference = "arXiv 1608.04644"

    budget: Budget = Budget(snr_db=17.0)
    rounds: int = 9
    steps: int = 100
    learning_rate: float = 0.2
    targeted: bool = False

    def __post_init__(self) -> None:
        """Validate the settings."""
        if min(self.rounds, self.steps) < 1 or not 0 < self.learning_rate < float("inf"):
            raise StaanetError(
                "expected rounds and steps of 1 or more and a learning_rate above 0, "
                f"got {self.rounds}, {self.steps} and {self.learning_rate}"
            )

    def perturb(self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, _: ClipRandom) -> Tensor:
        """Return the waveforms with the smallest perturbation found, `[B, T]`."""
        best = BestSoFar(model, waveforms, labels, lengths, "margin", self.targeted, self.size)
        box = Box.of(self.budget, model, waveforms, lengths)
        clean = best.value_and_grad(torch.zeros_like(waveforms))
        if self.budget.sparsity < 1:
            box = box.restricted_to(box.top_by_gain(clean.gradients))
        rows = (~best.succeeded).nonzero()[:, 0]
        if len(rows):
            self.minimise(best, Clips.of(rows, box.rows(rows), clean.values[rows, None], clean.gradients[rows]))
        return best.adversarial

    @abc.abstractmethod
    def size(self, perturbations: Tensor) -> Tensor:
        """Return the sizes `[b]` of perturbations `[b, T]`, which the attack minimises."""

    @abc.abstractmethod
    def cost(self, perturbations: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cost `[n, 1]` of perturbations `[n, T]` under limits `[n, 1]`, and its gradient `[n, T]`.

        Perturbations, limits and costs are in units of the clips.
        """

    @abc.abstractmethod
    def minimise(self, best: BestSoFar, clips: Clips) -> None:
        """Run the rounds, which update `best`."""

    def descend(self, best: BestSoFar, clips: Clips, start: Tensor, weights: Tensor, limits: Tensor) -> Tensor:
        """Run the steps of one round and return on which clips the attack succeeded during it, `[b, 1]`.

        Args:
            best: Best perturbations so far, which the round updates.
            clips: Clips under attack.
            start: Perturbations at which the round starts, `[b, T]`.
            weights: Weights of the margin against the cost of the perturbation, `[b, 1]`.
            limits: Largest changes that cost nothing, `[b, 1]`.
        """
        low, high = clips.box.low, clips.box.high
        middle, half = (high + low) / 2, (high - low) / 2
        variables = ((start - middle) / half.clamp_min(SMALL)).clamp(-INSIDE, INSIDE).atanh()
        rates = self.learning_rate * clips.unit / half.clamp_min(SMALL)
        mean, square = torch.zeros_like(variables), torch.zeros_like(variables)
        hits = torch.zeros_like(clips.values, dtype=torch.bool)
        last_losses = torch.full_like(clips.values, torch.inf)
        active = torch.arange(len(start), device=start.device)  # clips whose loss still falls
        for step in range(self.steps):
            unit, shares = clips.unit[active], variables.tanh()
            perturbations = middle[active] + half[active] * shares
            found = best.value_and_grad(perturbations, clips.rows[active])
            margins = (crossing(found.logits) - found.values).clamp_min(0)[:, None]
            hits[active] |= margins == 0
            costs, gradients = self.cost(perturbations / unit, limits[active] / unit)
            gradients = gradients - weights[active] * (margins > 0) * unit * found.gradients
            gradients = gradients * (1 - shares**2)
            mean, square = mean.lerp(gradients, 0.1), square.lerp(gradients**2, 0.001)
            spread = (square / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
            rate = rates[active] * (1 - step / self.steps)
            variables = variables - rate * mean / (1 - 0.9 ** (step + 1)) / spread
            if (step + 1) % max(1, self.steps // CHECKS) == 0:
                losses = costs + weights[active] * margins
                falling = (losses < 0.9999 * last_losses)[:, 0]
                if not falling.any():
                    break
                active, last_losses = active[falling], losses[falling]
                variables, mean, square = variables[falling], mean[falling], square[falling]
        return hits


@dataclass(frozen=True)
class CWL2(CarliniWagner):
    """The smallest Euclidean norm of the perturbation that fools, by bisection of the weight of the margin.

    Source: N. Carlini, D. Wagner, IEEE S&P 2017, section VI.A. The tanh keeps perturbations in the box of the budget; a
    clip that no perturbation in this box can fool gets the one with the smallest margin. Weights and learning rate are
    relative to what the linearised model needs, and the bisection is on a logarithmic scale. The clean clip takes one
    more gradient; with a sparsity below 1 the samples with the largest gain there may change.

    The authors' code makes 9 rounds of up to 10 000 steps with a constant learning rate of 0.01 in units of half the
    range, and its first weight is 0.001; the 100 steps here are fewer, with a rate that falls. The preset `systematic`
    has the numbers of rounds and steps of arXiv 2404.18514 and a learning rate of our own.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        rounds: Number of rounds per clip, each with another weight, at least 1.
        steps: Largest number of gradients per clip and round. A clip whose loss stops falling leaves the round.
        learning_rate: Learning rate of Adam, in units of the change of every sample with which the linearised model
            would be fooled. It falls linearly to 0 during a round.
        targeted: Whether the attack moves towards `labels` instead of away from them.
    """

    name = "cw_l2"
    norms = ("l2",)
    presets: ClassVar = {"systematic": {"rounds": 20, "steps": 10, "learning_rate": 0.5}}

    def size(self, perturbations: Tensor) -> Tensor:
        """Return the Euclidean norms `[b]` of perturbations `[b, T]`."""
        return perturbations.square().sum(1).sqrt()

    def cost(self, perturbations: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        """Return the squared norms `[n, 1]` of perturbations `[n, T]`, and their gradient `[n, T]`."""
        return perturbations.square().sum(1, keepdim=True), 2 * perturbations

    def minimise(self, best: BestSoFar, clips: Clips) -> None:
        """Bisect the weights. The first ones are twice those with which the linearised model would be fooled."""
        first = 4 * clips.values.abs() / (clips.slopes * clips.unit).square().sum(1, keepdim=True).clamp_min(SMALL)
        low, high = torch.zeros_like(first), torch.full_like(first, torch.inf)
        weights, no_limits, start = first, high, torch.zeros_like(clips.slopes)
        for _ in range(self.rounds):
            hits = self.descend(best, clips, start, weights, no_limits)
            low, high = torch.where(hits, low, weights), torch.where(hits, weights, high)
            outside = torch.where(hits, weights / 10, (10 * weights).clamp_max(MAX_WEIGHT * first))
            weights = torch.where((low > 0) & high.isfinite(), (low * high).sqrt(), outside)


@dataclass(frozen=True)
class CWLinf(CarliniWagner):
    """The smallest maximum norm of the perturbation that fools, by a limit that falls after each success.

    Source: N. Carlini, D. Wagner, IEEE S&P 2017, section VI.C. Changes beyond the limit are penalised; the weight of
    the margin doubles if a round does not succeed. The tanh keeps perturbations in the box of the budget; a clip that
    no perturbation in this box can fool gets the one with the smallest margin. Weights and learning rate are relative
    to what the linearised model needs. The clean clip takes one more gradient; with a sparsity below 1 the samples with
    the largest gain there may change.

    The authors' code makes up to 1000 steps per limit and weight, with a constant learning rate of 0.005 in units of
    half the range, as many rounds as its limits need to fall to 1/256, and ends a round at its first success; its
    weight starts at 1e-5. The preset `systematic` has the steps and the `shrink` of arXiv 2404.18514, as many rounds as
    its limits and weights have values, and a learning rate of our own.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        rounds: Number of rounds per clip, at least 1.
        steps: Largest number of gradients per clip and round. A clip whose loss stops falling leaves the round.
        learning_rate: Learning rate of Adam, in units of the change of every sample with which the linearised model
            would be fooled. It falls linearly to 0 during a round.
        targeted: Whether the attack moves towards `labels` instead of away from them.
        shrink: Next limit as a fraction of the smallest maximum norm that has fooled the model, in (0, 1).
    """

    name = "cw_linf"
    norms = ("linf",)
    presets: ClassVar = {"systematic": {"rounds": 34, "steps": 10, "shrink": 0.8}}

    learning_rate: float = 0.1
    shrink: float = 0.9

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if not 0 < self.shrink < 1:
            raise StaanetError(f"expected shrink in (0, 1), got {self.shrink}")

    def size(self, perturbations: Tensor) -> Tensor:
        """Return the maximum norms `[b]` of perturbations `[b, T]`."""
        return perturbations.abs().amax(1)

    def cost(self, perturbations: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed excess `[n, 1]` of perturbations `[n, T]` over limits `[n, 1]`, and its gradient."""
        excess = (perturbations.abs() - limits).clamp_min(0)
        return excess.sum(1, keepdim=True), perturbations.sign() * (excess > 0)

    def minimise(self, best: BestSoFar, clips: Clips) -> None:
        """Lower the limits. The first weights are ten times those at which half of the samples could exceed them."""
        slopes = clips.slopes.abs().sum(1, keepdim=True) * clips.unit
        first = 10 * (clips.slopes != 0).sum(1, keepdim=True) / slopes.clamp_min(SMALL)
        weights, limits = first, torch.full_like(first, torch.inf)
        for _ in range(self.rounds):
            self.descend(best, clips, best.perturbations[clips.rows], weights, limits)
            sizes = self.size(best.perturbations[clips.rows])[:, None]
            lower = best.succeeded[clips.rows, None] & (sizes < limits)
            weights = torch.where(lower, weights, (2 * weights).clamp_max(MAX_WEIGHT * first))
            limits = torch.where(lower, self.shrink * sizes, limits)
