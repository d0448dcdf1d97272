"""FAKEBOB: sign steps along a gradient that is estimated from scores (https://arxiv.org/abs/1911.01840)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.objectives import Objective, objective_values
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class FakeBob(Attack):
    """Sign steps along a gradient that is estimated from the scores of random points around the clip.

    Source: G. Chen, S. Chen, L. Fan, X. Du, Z. Zhao, F. Song, Y. Liu, IEEE S&P 2021, section IV: natural evolution
    strategies with antithetic points, momentum, and a step that is halved when the objective stalls. Default sizes are
    the authors', as fractions of their epsilon. Their code makes up to 1000 steps of 51 queries; the default here is
    1000 queries in all. The sparsity of the budget is our addition: the attack changes as many samples as it allows,
    chosen at random at the start. The points are clamped to the budget, so that each of them may be returned. A clip
    takes no more steps once the attack on it has succeeded.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        queries: Largest number of forward passes per clip. The attack takes as many whole steps of `draws` + 1
            queries as this allows.
        draws: Number of random points per gradient estimate, an even number.
        smoothing: Standard deviation of the random points around the clip, as a fraction of epsilon.
        step_size: Size of the first steps as a fraction of epsilon.
        momentum: Weight of earlier estimates in the running mean of the gradient, in [0, 1).
        plateau: Number of steps without progress after which the step is halved, at least 1.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.
    """

    name = "fakebob"
    access = "scores"
    norms = ("l0", "linf")
    targetable = True
    reference = "IEEE S&P 2021, arXiv 1911.01840"

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    queries: int = 1000
    draws: int = 50
    smoothing: float = 0.5
    step_size: float = 0.5
    momentum: float = 0.9
    plateau: int = 5
    objective: Objective = "margin"
    targeted: bool = False

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.draws < 2 or self.draws % 2 or self.draws >= self.queries:
            raise StaanetError(
                f"expected draws as an even number below the queries, got {self.draws} and {self.queries} queries"
            )
        if not (self.smoothing > 0 and self.step_size > 0 and 0 <= self.momentum < 1 and self.plateau >= 1):
            raise StaanetError(
                "expected smoothing and step_size above 0, momentum in [0, 1) and a plateau of 1 or more, got "
                f"{self.smoothing}, {self.step_size}, {self.momentum} and {self.plateau}"
            )

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best adversarial waveforms found, `[B, T]`."""
        box = Box.of(self.budget, model, waveforms, lengths)
        box = box.restricted_to(box.top(random.uniform()))
        best = BestSoFar(model, waveforms, labels, lengths, self.objective, self.targeted)
        rows, perturbations, mean = best.all_rows, torch.zeros_like(waveforms), torch.zeros_like(waveforms)
        step_sizes, stalled = box.epsilon * self.step_size, torch.zeros_like(box.epsilon)
        highest = torch.full_like(box.epsilon, -torch.inf)

        def values(points: Tensor) -> Tensor:
            """Evaluate points `[b, T]` and return their objectives `[b, 1]`."""
            return objective_values(best.evaluate(points, rows), labels[rows], self.objective, self.targeted)[:, None]

        for _ in range(self.queries // (self.draws + 1)):
            current, remaining, draws = perturbations[rows], box.rows(rows), random.select(rows)
            estimates = torch.zeros_like(current)
            for _ in range(self.draws // 2):
                noise = draws.normal()
                offset = self.smoothing * remaining.epsilon * noise
                rises = values(remaining.clamp(current + offset)) - values(remaining.clamp(current - offset))
                estimates += noise * rises / self.draws
            mean[rows] = self.momentum * mean[rows] + (1 - self.momentum) * estimates
            perturbations[rows] = remaining.clamp(current + step_sizes[rows] * mean[rows].sign())
            new = values(perturbations[rows])
            stalled[rows] = torch.where(new > highest[rows], 0, stalled[rows] + 1)
            highest[rows] = highest[rows].maximum(new)
            halved = stalled >= self.plateau
            step_sizes, stalled = torch.where(halved, step_sizes / 2, step_sizes), torch.where(halved, 0, stalled)
            rows = rows[~best.succeeded[rows]]
            if not len(rows):
                break
        return best.adversarial
