"""Contrastive: what a model makes of a clip before its head is pushed away; no emotions are asked for."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from staanet.attacks.base import Attack
from staanet.attacks.components.search import Room
from staanet.attacks.components.sparse import even
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, encoder_of
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

MOMENTUM = 0.9
"""Weight of the past in the running mean of the gradients."""


@dataclass(frozen=True)
class Contrastive(Attack):
    """Steps along the sign of the gradient that turn a clip's representation away from its clean one; the best is kept.

    Grows ||r' / |r'| - r / |r|||^2 = 2 - 2 cos(r', r), r being what comes before the head. It looks neither at logits
    nor at `labels`, so that the encoder of a foundation model is enough of a source. Source: the feature distortion of
    M. Naseer et al., "A Self-supervised Approach for Adversarial Robustness", CVPR 2020, arXiv 2006.04924, here by the
    angle and, with a sparsity below 1, as `sparse_pgd` chooses samples anew in each step. At the clean clip there is no
    gradient; it begins with random changes of random samples. The contrastive loss of arXiv 2006.07589 also compares
    with other clips of the batch; here a clip comes out the same in any batch.

    Args:
        budget: size and share of the samples.
        steps: gradients per clip.
        step_size: as a share of epsilon.

    Raises:
        StaanetError: a model that cannot represent clips.
    """

    name = "contrastive"
    access = "gradient"
    norms = ("l0", "linf")
    needs_representation = True
    reference = "arXiv 2006.04924"

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    steps: int = 50
    step_size: float = 0.25

    def __post_init__(self) -> None:
        """Refuse settings with which nothing moves."""
        if self.steps < 1 or not 0 < self.step_size < float("inf"):
            raise StaanetError(
                f"expected steps of 1 or more and a step_size above 0, got {self.steps} and {self.step_size}"
            )

    def perturb(
        self,
        model: Classifier,
        waveforms: Tensor,
        labels: Tensor,  # noqa: ARG002
        lengths: Tensor,
        random: ClipRandom,
    ) -> Tensor:
        """Return the waveforms `[B, T]` whose representation came furthest."""
        encoder = encoder_of(model)
        with torch.no_grad():
            clean = encoder(waveforms, lengths)
        if clean.ndim != 2:
            raise StaanetError(f"expected representations [B, D], got {list(clean.shape)}; take the mean over time")
        room = Room.of(self.budget, model, waveforms, lengths)
        epsilon, _ = self.budget.resolve(waveforms, lengths)
        mean, best = torch.zeros_like(waveforms), waveforms.clone()
        furthest = torch.full_like(waveforms[:, 0], -torch.inf)

        def keep(attacked: Tensor, distances: Tensor) -> None:
            further = distances > furthest
            best[further], furthest[further] = attacked[further], distances[further]

        changes = room.low + (room.high - room.low) * random.uniform()
        heard = room.top(random.uniform())
        for _ in range(self.steps):
            attacked = (waveforms + changes * heard).requires_grad_()
            with torch.enable_grad():
                distances = apart(encoder(attacked, lengths), clean)
            if not distances.requires_grad:
                raise StaanetError("expected representations with gradients, got some without; leave no_grad out")
            (gradients,) = torch.autograd.grad(distances.sum(), attacked)
            keep(attacked.detach(), distances.detach())
            mean = MOMENTUM * mean + (1 - MOMENTUM) * even(gradients)
            heard = room.promising(mean)
            changes = room.clamp(changes + self.step_size * epsilon * mean.sign())
        attacked = waveforms + changes * heard
        with torch.no_grad():
            keep(attacked, apart(encoder(attacked, lengths), clean))
        return best


def apart(representations: Tensor, others: Tensor) -> Tensor:
    """Return how far directions lie apart, `[B]` from 0 to 4: unlike the cosine, exact where they are nearly the same.

    >>> apart(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[-1.0, 0.0], [0.0, 3.0]]))
    tensor([4., 0.])
    """
    distances: Tensor = functional.normalize(representations, dim=1) - functional.normalize(others, dim=1)
    return distances.square().sum(1)
