"""Contrastive: turns the representation of a clip away from its clean one; needs no emotion labels."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from staanet.attacks.base import Attack
from staanet.attacks.components.box import Box
from staanet.attacks.components.sparse import l1_normalise
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, encoder_of
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

MOMENTUM = 0.9
"""Weight of the past in the running mean of the gradients."""


@dataclass(frozen=True)
class Contrastive(Attack):
    """Sign steps that turn the representation of a clip away from its clean one; returns the best point evaluated.

    The objective is ||r' / |r'| - r / |r|||^2 = 2 - 2 cos(r', r), where r is the representation before the head. The
    attack uses neither logits nor `labels`, so the encoder of a foundation model is a sufficient source. Source: the
    feature distortion of M. Naseer et al., "A Self-supervised Approach for Adversarial Robustness", CVPR 2020, arXiv
    2006.04924; here the distance is the angle and, with a sparsity below 1, the samples to change are chosen anew in
    each step, as in `sparse_pgd`. The gradient vanishes at the clean clip, so the attack starts from random changes of
    random samples. Unlike the contrastive loss of arXiv 2006.07589, it does not compare a clip with others of its
    batch; the result does not depend on the batch.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        steps: Number of gradients per clip, at least 1.
        step_size: Size of a step as a fraction of epsilon.

    Raises:
        StaanetError: The model has no representations.
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
        """Validate the settings."""
        if self.steps < 1 or not 0 < self.step_size < float("inf"):
            raise StaanetError(
                f"expected steps of 1 or more and a step_size above 0, got {self.steps} and {self.step_size}"
            )

    def perturb(self, model: Classifier, waveforms: Tensor, _: Tensor, lengths: Tensor, random: ClipRandom) -> Tensor:
        """Return the waveforms whose representations are furthest from the clean ones, `[B, T]`."""
        encoder = encoder_of(model)
        with torch.no_grad():
            clean = encoder(waveforms, lengths)
        box = Box.of(self.budget, model, waveforms, lengths)
        mean, best = torch.zeros_like(waveforms), waveforms.clone()
        best_distances = torch.full_like(waveforms[:, 0], -torch.inf)

        def update(adversarial: Tensor, distances: Tensor) -> None:
            further = distances > best_distances
            best[further], best_distances[further] = adversarial[further], distances[further]

        perturbations = box.uniform(random)
        mask = box.top(random.uniform())
        for _step in range(self.steps):
            adversarial = (waveforms + perturbations * mask).requires_grad_()
            with torch.enable_grad():
                distances = squared_distance(encoder(adversarial, lengths), clean)
            if not distances.requires_grad:
                raise StaanetError("expected representations with gradients, got some without; remove no_grad")
            (gradients,) = torch.autograd.grad(distances.sum(), adversarial)
            update(adversarial.detach(), distances.detach())
            mean = MOMENTUM * mean + (1 - MOMENTUM) * l1_normalise(gradients)
            mask = box.top_by_gain(mean)
            perturbations = box.clamp(perturbations + self.step_size * box.epsilon * mean.sign())
        adversarial = waveforms + perturbations * mask
        with torch.no_grad():
            update(adversarial, squared_distance(encoder(adversarial, lengths), clean))
        return best


def squared_distance(representations: Tensor, others: Tensor) -> Tensor:
    """Return the squared distance of directions, `[B]` in 0 to 4; unlike the cosine, exact if they nearly coincide.

    >>> squared_distance(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[-1.0, 0.0], [0.0, 3.0]]))
    tensor([4., 0.])
    """
    distances: Tensor = functional.normalize(representations, dim=1) - functional.normalize(others, dim=1)
    return distances.square().sum(1)
