"""One gradient of the source model and one forward pass of a generator that sees it: between STAA-Net and PGD."""

from dataclasses import dataclass

from torch import Tensor

from staanet.attacks.components.objectives import value_and_grad
from staanet.attacks.staa_net import GeneratorAttack
from staanet.core.classifier import Classifier
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class OneGradient(GeneratorAttack):
    """A sparse perturbation by a generator that sees the clip and the gradient of the source's margin at the clip.

    It takes one forward and one backward pass of the source model at the clean clip, and no iteration. The generator is
    one that uses gradients (`gradient_conditional`). The idea of a generator is that of arXiv 2402.01227, equation 1;
    the second input is not in the paper.

    >>> import torch
    >>> from staanet.attacks.generator import create_generator
    >>> generator = create_generator("gradient_conditional", frame=4, widths=(8, 16), detail=2)
    >>> attack = OneGradient(generator)
    >>> adversarial = attack(lambda x: x[:, :2], torch.full((1, 1000), 0.1), torch.tensor([0]))
    >>> int((adversarial != 0.1).sum())
    120
    """

    name = "one_gradient"
    access = "gradient"
    reference = "arXiv 2402.01227"
    uses_gradients = True

    def perturb(self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, _: ClipRandom) -> Tensor:
        """Return the adversarial waveforms of the generator, `[B, T]`."""
        gradients = value_and_grad(model, waveforms, labels, lengths, "margin").gradients
        return self.output(waveforms, lengths, gradients).adversarial
