"""FGSM: one step of full size along the sign of the gradient (https://arxiv.org/abs/1412.6572)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from staanet.attacks.components.dense import GradientAscent
from staanet.attacks.components.objectives import ascent
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class FGSM(GradientAscent):
    """One step of size epsilon along the sign of the gradient.

    Source: I. J. Goodfellow, J. Shlens, C. Szegedy, ICLR 2015, section 4. With a sparsity below 1 the step is where the
    gradient is largest: of all changes in the budget the one that the linearised objective likes best. The preset
    `systematic` is arXiv 2404.18514 at the middle one of its five sizes, which are in units of standardised features.

    Args:
        budget: size and share of the samples.
        norm: `linf`; or `l2` for a step along the gradient itself.
        rms: for `l2`, the root mean square of the change over the samples that may change, as a share of epsilon, in
            (0, 1].
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.

    >>> import torch
    >>> FGSM(Budget(epsilon=0.1))(lambda x: x[:, :2], torch.zeros(1, 3), torch.tensor([0]))
    tensor([[-0.1000,  0.1000,  0.0000]])
    """

    name = "fgsm"
    reference = "arXiv 1412.6572"
    presets: ClassVar = {"systematic": {"budget": Budget(epsilon=0.75)}}

    def perturb(
        self,
        model: Classifier,
        waveforms: Tensor,
        labels: Tensor,
        lengths: Tensor,
        random: ClipRandom,  # noqa: ARG002
    ) -> Tensor:
        """Return the waveforms `[B, T]` after the step."""
        gradients = ascent(model, waveforms, labels, lengths, self.objective, self.targeted).gradients
        region = self.region(model, waveforms, lengths, gradients)
        return waveforms + region.project(region.uphill(gradients))
