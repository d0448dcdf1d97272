"""PGD_0: steps along the gradient, projected onto a number of samples and a box (https://arxiv.org/abs/1909.05040)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.sparse import SparseAscent, l1_normalise
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class PGD0(SparseAscent):
    """Steps along the gradient, each projected onto as many samples as the budget allows, within epsilon and bounds.

    Source: F. Croce, M. Hein, "Sparse and Imperceivable Adversarial Attacks", ICCV 2019, section 3, for L0 and Linf
    together. The projection of a perturbation y onto a box and a count keeps the changes with the largest y^2 minus
    their squared distance from the box. The paper's 10 restarts share the steps here, and there is one by default. The
    authors' code (57c23ea) has a step of 0.15 times the range on CIFAR-10; the default is 0.1 times epsilon, which is a
    fraction of the range.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        steps: Number of gradients per clip over all restarts, at least 1.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.
        step_size: Mean absolute step of the samples of a clip as a fraction of epsilon.
        restarts: Number of starts, at least 1: the first from the clean clip, the others from random perturbations.
    """

    name = "pgd0"
    reference = "arXiv 1909.05040"

    step_size: float = 0.1
    restarts: int = 1

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if not 0 < self.step_size < float("inf") or not 1 <= self.restarts <= self.steps:
            raise StaanetError(
                f"expected a step_size above 0 and restarts in 1..{self.steps}, one step each at least, "
                f"got {self.step_size} and {self.restarts}"
            )

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best adversarial waveforms found, `[B, T]`."""
        best = BestSoFar(model, waveforms, labels, lengths, self.objective, self.targeted)
        box = Box.of(self.budget, model, waveforms, lengths)
        step_size = self.step_size * box.epsilon * lengths[:, None]
        for start in range(self.restarts):
            perturbations = torch.zeros_like(waveforms)
            if start:
                perturbations = project(box.uniform(random), box)
            for _ in range(self.steps // self.restarts):
                gradients = l1_normalise(best.value_and_grad(perturbations).gradients)
                perturbations = project(perturbations + step_size * gradients, box)
            best.evaluate(perturbations)
        return best.adversarial


def project(perturbations: Tensor, box: Box) -> Tensor:
    """Return the nearest perturbations `[B, T]` within a box and its number of samples (section 3.1 of the paper).

    >>> low, high = torch.full((1, 3), -1.0), torch.full((1, 3), 1.0)
    >>> box = Box(low, high, counts=torch.tensor([1]), epsilon=torch.ones(1, 1))
    >>> project(torch.tensor([[0.5, -3.0, 2.0]]), box)
    tensor([[ 0., -1.,  0.]])
    """
    clamped = box.clamp(perturbations)
    return clamped * box.top(perturbations.square() - (perturbations - clamped).square())
