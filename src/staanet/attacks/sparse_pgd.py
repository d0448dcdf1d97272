"""PGD on a share of the samples: the sparse baseline of the STAA-Net paper, made fair (arXiv 2402.01227)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from staanet.attacks.components.search import Room, Search
from staanet.attacks.components.sparse import SparseAscent, even
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

Positions = Literal["every_step", "first_gradient", "random"]
"""- `every_step`: where the running mean of the gradient promises most, chosen anew in each step;
- `first_gradient`: where the gradient at the clean clip promises most;
- `random`: anywhere."""


@dataclass(frozen=True)
class SparsePGD(SparseAscent):
    """Steps along the sign of the gradient, on exactly as many samples as the budget allows; the best point is kept.

    Source: section 4.4 of the paper, which restricts PGD (arXiv 1706.06083) to a number of samples and does not say
    which. A change promises its gradient times how far it can go. With positions chosen in every step all samples take
    the steps, along the running mean of the gradient; the chosen ones are heard, and one that returns is where it had
    come to.

    The preset `paper` has the published settings: 20 steps of epsilon / 4 from a random point. Which positions it took
    is not known; here `first_gradient`, the stronger of the two that stay as they are.

    Args:
        budget: size and share of the samples.
        steps: gradients per clip.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
        step_size: as a share of epsilon.
        positions: which samples may change.
        momentum: weight of the running mean's past, in [0, 1); 0 steps along the gradient itself.
        random_start: begin with random changes instead of none.
    """

    name = "sparse_pgd"
    reference = "arXiv 2402.01227"
    presets: ClassVar = {
        "paper": {
            "steps": 20,
            "objective": "cross_entropy",
            "positions": "first_gradient",
            "momentum": 0.0,
            "random_start": True,
        }
    }

    step_size: float = 0.25
    positions: Positions = "every_step"
    momentum: float = 0.9
    random_start: bool = False

    def __post_init__(self) -> None:
        """Refuse settings with which nothing moves."""
        super().__post_init__()
        if not 0 < self.step_size < float("inf") or not 0 <= self.momentum < 1:
            raise StaanetError(
                f"expected a step_size above 0 and a momentum in [0, 1), got {self.step_size} and {self.momentum}"
            )

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best waveforms `[B, T]` found."""
        search = Search(model, waveforms, labels, lengths, self.objective, self.targeted)
        rows = torch.arange(len(waveforms), device=waveforms.device)
        room = Room.of(self.budget, model, waveforms, lengths)
        epsilon, _ = self.budget.resolve(waveforms, lengths)
        changes, heard, mean = torch.zeros(3, *waveforms.shape, dtype=waveforms.dtype, device=waveforms.device)
        if self.random_start:
            changes = room.low + (room.high - room.low) * random.uniform()
        if self.positions == "random":
            heard = room.top(random.uniform())
        for step in range(self.steps):
            gradients = even(search.climb(changes * heard, rows).gradients)
            mean = self.momentum * mean + (1 - self.momentum) * gradients
            if self.positions == "every_step" or (self.positions == "first_gradient" and step == 0):
                heard = room.top(mean * room.furthest(mean))
            changes = room.clamp(changes + self.step_size * epsilon * mean.sign())
        search.look(changes * heard, rows)
        return search.adversarial
