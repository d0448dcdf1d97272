"""FGSM: one step of full size along the sign of the gradient (https://arxiv.org/abs/1412.6572)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from staanet.attacks.components.dense import GradientAscent
from staanet.attacks.components.objectives import value_and_grad
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class FGSM(GradientAscent):
    """One step of size epsilon along the sign of the gradient.

    Source: I. J. Goodfellow, J. Shlens, C. Szegedy, ICLR 2015, section 4. With a sparsity below 1 the step changes the
    samples with the largest gain, which maximises the linearised objective within the budget. The preset `systematic`
    is arXiv 2404.18514 at the middle one of its five sizes, in units of standardised features.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        norm: `linf` steps along the sign of the gradient, `l2` along the gradient itself.
        rms: For `l2`, the largest root mean square of the perturbation over the samples that may change, as a
            fraction of epsilon, in (0, 1]. At 1, epsilon alone bounds the perturbation.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.

    >>> import torch
    >>> FGSM(Budget(epsilon=0.1))(lambda x: x[:, :2], torch.zeros(1, 3), torch.tensor([0]))
    tensor([[-0.1000,  0.1000,  0.0000]])
    """

    name = "fgsm"
    reference = "arXiv 1412.6572"
    presets: ClassVar = {"systematic": {"budget": Budget(epsilon=0.75)}}

    def perturb(self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, _: ClipRandom) -> Tensor:
        """Return the waveforms after the step, `[B, T]`."""
        gradients = value_and_grad(model, waveforms, labels, lengths, self.objective, self.targeted).gradients
        feasible = self.feasible_set(model, waveforms, lengths, gradients)
        return waveforms + feasible.project(feasible.full_step(gradients))
