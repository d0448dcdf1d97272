"""One gradient of the source model and one forward pass of a generator that sees it: between STAA-Net and PGD."""

from dataclasses import dataclass, field

from torch import Tensor

from staanet.attacks.components.objectives import value_and_grad
from staanet.attacks.staa_net import GeneratorAttack
from staanet.core.classifier import Classifier
from staanet.core.seeds import ClipRandom
from staanet.core.signature import LATER


@dataclass(frozen=True)
class OneGradient(GeneratorAttack):
    """A sparse perturbation by a generator that sees the clip and the gradient of the source's margin at the clip.

    It takes one forward and one backward pass of the source model at the clean clip, and no iteration. The generator is
    one that uses gradients (`gradient_conditional`). The idea of a generator is that of arXiv 2402.01227, equation 1;
    the second input is not in the paper.

    Args:
        generator: Folder of a trained generator, or the generator itself.
        digest: Expected SHA-256 of its weights. Default: not checked.
        budget: Limits on the size of a change and on the share of samples that may change.
        targeted: Whether the attack moves towards `labels` instead of away from them, by the gradient of their margin.
            The generator must have been trained with `classes`.

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
    targetable = True

    targeted: bool = field(default=False, metadata=LATER)

    def perturb(self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, _: ClipRandom) -> Tensor:
        """Return the adversarial waveforms of the generator, `[B, T]`."""
        gradients = value_and_grad(model, waveforms, labels, lengths, "margin", self.targeted).gradients
        return self.output(waveforms, lengths, gradients, labels if self.targeted else None).adversarial
