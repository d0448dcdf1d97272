"""PGD_0: steps along the gradient, projected onto a number of samples and a box (https://arxiv.org/abs/1909.05040)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.components.search import Room, Search
from staanet.attacks.components.sparse import SparseAscent, even
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class PGD0(SparseAscent):
    """Steps along the gradient, each projected: the samples whose change is worth most stay, cut to epsilon and bounds.

    Source: F. Croce, M. Hein, "Sparse and Imperceivable Adversarial Attacks", ICCV 2019, section 3, for L0 and Linf
    together. The point nearest to a change y within a box and a count keeps the changes with the largest y^2 less their
    squared distance from the box. The paper's 10 restarts share the steps here.

    Args:
        budget: size and share of the samples.
        steps: gradients per clip, of all restarts.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
        step_size: mean absolute step of a clip's samples, as a share of epsilon.
        restarts: starts; the first from the clean clip, the others from random changes within epsilon, projected.
    """

    name = "pgd0"
    reference = "arXiv 1909.05040"

    step_size: float = 0.1
    restarts: int = 1

    def __post_init__(self) -> None:
        """Refuse settings with which nothing moves."""
        super().__post_init__()
        if not 0 < self.step_size < float("inf") or not 1 <= self.restarts <= self.steps:
            raise StaanetError(
                f"expected a step_size above 0 and restarts in 1..{self.steps}, one step each at least, "
                f"got {self.step_size} and {self.restarts}"
            )

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best waveforms `[B, T]` found."""
        search = Search(model, waveforms, labels, lengths, self.objective, self.targeted)
        rows = torch.arange(len(waveforms), device=waveforms.device)
        room = Room.of(self.budget, model, waveforms, lengths)
        epsilon, _ = self.budget.resolve(waveforms, lengths)
        step_size = self.step_size * epsilon * lengths[:, None]
        for start in range(self.restarts):
            perturbations = torch.zeros_like(waveforms)
            if start:
                perturbations = projected(room.low + (room.high - room.low) * random.uniform(), room)
            for _ in range(self.steps // self.restarts):
                gradients = even(search.climb(perturbations, rows).gradients)
                perturbations = projected(perturbations + step_size * gradients, room)
            search.look(perturbations, rows)
        return search.adversarial


def projected(perturbations: Tensor, room: Room) -> Tensor:
    """Return the nearest perturbations `[B, T]` within the room and its count of samples (section 3.1 of the paper).

    >>> room = Room(torch.full((1, 3), -1.0), torch.full((1, 3), 1.0), torch.tensor([1]))
    >>> projected(torch.tensor([[0.5, -3.0, 2.0]]), room)
    tensor([[ 0., -1.,  0.]])
    """
    within = room.clamp(perturbations)
    return within * room.top(perturbations.square() - (perturbations - within).square())
