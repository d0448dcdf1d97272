"""Carlini and Wagner's attacks: the least change that fools, weighed against the margin that is left."""

import abc
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.search import Room, Search
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

CHECKS = 10
"""How often a round looks which clips' losses still fall (the authors' number)."""
INSIDE = 1 - 1e-6
"""How near to the limits of its room a change may start: on them, tanh has no slope."""
SMALL = 1e-30
"""What is divided by instead of 0."""
HEAVIEST = 1e8
"""How far a weight may grow, as a multiple of the first."""


class Clips(NamedTuple):
    """The clips of an attack that have a way to go."""

    rows: Tensor
    """`[b]`, their numbers."""
    room: Room
    values: Tensor
    """`[b, 1]`, of the objective at the clean clips."""
    slopes: Tensor
    """`[b, T]`, of the objective there; 0 where nothing may change."""
    unit: Tensor
    """`[b, 1]`: the change that the linearised model asks of every sample, at most epsilon. Changes are measured in it,
    so that neither the level of a clip nor the scale of the logits counts."""

    @classmethod
    def at(cls, rows: Tensor, room: Room, values: Tensor, gradients: Tensor) -> "Clips":
        """Measure the clips."""
        slopes = gradients * (room.high > room.low)
        furthest = torch.maximum(-room.low, room.high).amax(1, keepdim=True)
        asked = values.abs() / slopes.abs().sum(1, keepdim=True).clamp_min(SMALL)
        unit = asked.clamp(furthest / 1000, furthest).clamp_min(SMALL)
        return cls(rows, room, values, slopes, unit)


@dataclass(frozen=True)
class CarliniWagner(Attack):
    """What the two attacks share: rounds of Adam on a clip's change and its weighed margin, through tanh.

    Args:
        budget: size and share of the samples.
        rounds: descents per clip, at most.
        steps: gradients per clip and round.
        learning_rate: in units of the change that the linearised model asks of every sample; falls to 0 in a round.
        targeted: go towards `labels` instead of away from them.
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
        """Refuse settings with which nothing moves."""
        if min(self.rounds, self.steps) < 1 or not 0 < self.learning_rate < float("inf"):
            raise StaanetError(
                "expected rounds and steps of 1 or more and a learning_rate above 0, "
                f"got {self.rounds}, {self.steps} and {self.learning_rate}"
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
        search = Search(model, waveforms, labels, lengths, "margin", self.targeted, self.size)
        room = Room.of(self.budget, model, waveforms, lengths)
        clean = search.climb(torch.zeros_like(waveforms), torch.arange(len(waveforms), device=waveforms.device))
        if self.budget.sparsity < 1:
            room = room.at(room.promising(clean.gradients))
        rows = (~search.reached).nonzero()[:, 0]
        if len(rows):
            self.minimise(search, Clips.at(rows, room.rows(rows), clean.values[rows, None], clean.gradients[rows]))
        return search.adversarial

    @abc.abstractmethod
    def size(self, perturbations: Tensor) -> Tensor:
        """Return how large perturbations `[b, T]` are, `[b]`."""

    @abc.abstractmethod
    def cost(self, changes: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
        """Return what changes `[n, T]` under limits `[n, 1]` cost, in units `[n, 1]`, and its gradient `[n, T]`."""

    @abc.abstractmethod
    def minimise(self, search: Search, clips: Clips) -> None:
        """Descend in rounds."""

    def descend(self, search: Search, clips: Clips, start: Tensor, weights: Tensor, limits: Tensor) -> Tensor:
        """Take the steps of a round from perturbations `[b, T]`, and return which clips `[b, 1]` were reached."""
        low, high, _ = clips.room
        middle, half = (high + low) / 2, (high - low) / 2
        variables = ((start - middle) / half.clamp_min(SMALL)).clamp(-INSIDE, INSIDE).atanh()
        rates = self.learning_rate * clips.unit / half.clamp_min(SMALL)
        mean, square = torch.zeros_like(variables), torch.zeros_like(variables)
        hit = torch.zeros_like(clips.values, dtype=torch.bool)
        last = torch.full_like(clips.values, torch.inf)
        still = torch.arange(len(start), device=start.device)  # which of the clips go on
        for step in range(self.steps):
            unit, shares = clips.unit[still], variables.tanh()
            perturbations = middle[still] + half[still] * shares
            found = search.climb(perturbations, clips.rows[still])
            left = -found.values[:, None].clamp_max(0)
            hit[still] |= found.values[:, None] > 0
            costs, gradients = self.cost(perturbations / unit, limits[still] / unit)
            gradients = gradients - weights[still] * (left > 0) * unit * found.gradients
            gradients = gradients * (1 - shares**2)
            mean, square = mean.lerp(gradients, 0.1), square.lerp(gradients**2, 0.001)
            spread = (square / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
            rate = rates[still] * (1 - step / self.steps)
            variables = variables - rate * mean / (1 - 0.9 ** (step + 1)) / spread
            if (step + 1) % max(1, self.steps // CHECKS) == 0:
                losses = costs + weights[still] * left
                falls = (losses < 0.9999 * last)[:, 0]
                if not falls.any():
                    break
                still, last = still[falls], losses[falls]
                variables, mean, square = variables[falls], mean[falls], square[falls]
        return hit


@dataclass(frozen=True)
class CWL2(CarliniWagner):
    """The least Euclidean norm of the change that fools: bisection of the weight of the margin.

    Source: N. Carlini, D. Wagner, IEEE S&P 2017, section VI.A. The box in which tanh keeps the change is the budget's,
    so that a clip for which nothing in it is enough gets what came closest. Weights and learning rate are relative to
    what the linearised model needs; weights are bisected by their logarithms. One gradient more looks at the clean
    clip; with a sparsity below 1 the samples that may change are those where it promises most.

    The preset `systematic` has the numbers of rounds and steps of arXiv 2404.18514; its learning rate is ours.

    Args:
        budget: size and share of the samples.
        rounds: descents per clip, each with another weight.
        steps: gradients per clip and round, at most; a clip whose loss does not fall any more leaves the round.
        learning_rate: of Adam, in units of the change that the linearised model asks of every sample; falls to 0 in a
            round.
        targeted: go towards `labels` instead of away from them.
    """

    name = "cw_l2"
    norms = ("l2",)
    presets: ClassVar = {"systematic": {"rounds": 20, "steps": 10, "learning_rate": 0.5}}

    def size(self, perturbations: Tensor) -> Tensor:
        """Return the Euclidean norms `[b]` of perturbations `[b, T]`."""
        return perturbations.square().sum(1).sqrt()

    def cost(self, changes: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Return the squared norms `[n, 1]` of changes `[n, T]`, and their gradient `[n, T]`."""
        return changes.square().sum(1, keepdim=True), 2 * changes

    def minimise(self, search: Search, clips: Clips) -> None:
        """Bisect the weights; the first ones are twice those that the linearised model needs."""
        first = 4 * clips.values.abs() / (clips.slopes * clips.unit).square().sum(1, keepdim=True).clamp_min(SMALL)
        low, high = torch.zeros_like(first), torch.full_like(first, torch.inf)
        weights, unlimited, start = first, high, torch.zeros_like(clips.slopes)
        for _ in range(self.rounds):
            hit = self.descend(search, clips, start, weights, unlimited)
            low, high = torch.where(hit, low, weights), torch.where(hit, weights, high)
            outside = torch.where(hit, weights / 10, (10 * weights).clamp_max(HEAVIEST * first))
            weights = torch.where((low > 0) & high.isfinite(), (low * high).sqrt(), outside)


@dataclass(frozen=True)
class CWLinf(CarliniWagner):
    """The least largest change of a sample that fools: a limit that falls while the clip is reached below it.

    Source: N. Carlini, D. Wagner, IEEE S&P 2017, section VI.C. What exceeds the limit is penalised; the weight of the
    margin doubles where the clip is not reached. The box in which tanh keeps the change is the budget's, so that a clip
    for which nothing in it is enough gets what came closest. Weights and learning rate are relative to what the
    linearised model needs. One gradient more looks at the clean clip; with a sparsity below 1 the samples that
    may change are those where it promises most.

    The preset `systematic` has the steps and the `shrink` of arXiv 2404.18514, and as many rounds as its limits and
    weights have values there; its learning rate is ours.

    Args:
        budget: size and share of the samples.
        rounds: descents per clip, each from the best change so far.
        steps: gradients per clip and round, at most; a clip whose loss does not fall any more leaves the round.
        learning_rate: of Adam, in units of the change that the linearised model asks of every sample; falls to 0 in a
            round.
        targeted: go towards `labels` instead of away from them.
        shrink: the next limit, as a share of the largest change with which the clip was reached, in (0, 1).
    """

    name = "cw_linf"
    norms = ("linf",)
    presets: ClassVar = {"systematic": {"rounds": 34, "steps": 10, "shrink": 0.8}}

    learning_rate: float = 0.1
    shrink: float = 0.9

    def __post_init__(self) -> None:
        """Refuse settings with which nothing moves."""
        super().__post_init__()
        if not 0 < self.shrink < 1:
            raise StaanetError(f"expected shrink in (0, 1), got {self.shrink}")

    def size(self, perturbations: Tensor) -> Tensor:
        """Return the largest changes `[b]` of perturbations `[b, T]`."""
        return perturbations.abs().amax(1)

    def cost(self, changes: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
        """Return by how much changes `[n, T]` exceed limits `[n, 1]` in all, `[n, 1]`, and its gradient `[n, T]`."""
        excess = (changes.abs() - limits).clamp_min(0)
        return excess.sum(1, keepdim=True), changes.sign() * (excess > 0)

    def minimise(self, search: Search, clips: Clips) -> None:
        """Lower the limits; the first weights are ten times those at which half of the samples could exceed them."""
        slopes = clips.slopes.abs().sum(1, keepdim=True) * clips.unit
        first = 10 * (clips.slopes != 0).sum(1, keepdim=True) / slopes.clamp_min(SMALL)
        weights, limits = first, torch.full_like(first, torch.inf)
        for _ in range(self.rounds):
            self.descend(search, clips, search.perturbations[clips.rows], weights, limits)
            sizes = self.size(search.perturbations[clips.rows])[:, None]
            lower = search.reached[clips.rows, None] & (sizes < limits)
            weights = torch.where(lower, weights, (2 * weights).clamp_max(HEAVIEST * first))
            limits = torch.where(lower, self.shrink * sizes, limits)
