"""What a generator is trained for: fool the model, with small magnitudes, few positions, near 0 or 1."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from staanet.attacks.generator.base import SparsePerturbation
from staanet.core.classifier import margin
from staanet.core.waveforms import valid_samples


@dataclass(frozen=True)
class Losses:
    """The weights of the four losses, arXiv 2402.01227, equations 3 to 7.

    Args:
        reduction: `clip` takes each penalty per clip and per sample, as a share in [0, 1], and averages over the clips,
            so that weights mean the same for any batch size and length; `paper` takes norms over the whole batch and
            adds up the adversarial loss, as the paper's code does.
        confidence: the margin (phi) up to which a clip is pushed beyond the decision boundary, in logits.
        magnitude: weight of the size of the magnitudes.
        sparsity: weight of the number of positions; of the size of the magnitudes where a generator makes none.
        quantisation: weight of the distance of the positions from 0 or 1.
    """

    reduction: Literal["clip", "paper"] = "clip"
    confidence: float = 5.0
    magnitude: float = 0.0
    sparsity: float = 0.0
    quantisation: float = 0.0

    def __call__(
        self, logits: Tensor, labels: Tensor, output: SparsePerturbation, epsilon: Tensor, lengths: Tensor
    ) -> dict[str, Tensor]:
        """Return the weighted losses by name, those of weight 0 left out; the generator is trained on their sum.

        Shape: logits `[B, K]`, labels `[B]` (the model's clean predictions), epsilon `[B, 1]`, lengths `[B]`.
        """
        margins = margin(logits, labels).clamp_min(-self.confidence)
        hard = (output.scores >= 0.5).to(output.scores.dtype)
        hard = torch.where(valid_samples(lengths, hard.shape[1]), hard, output.scores)
        if self.reduction == "paper":
            adversarial = margins.sum()
            penalties = {
                "magnitude": output.magnitudes.norm(),
                "sparsity": (output.positions if output.factorised else output.magnitudes).abs().sum(),
                "quantisation": (output.scores - hard).norm(),
            }
        else:
            sizes = output.magnitudes / epsilon.clamp_min(1e-12)
            relative = sizes.square().sum(1) / lengths
            uncertain = (output.scores - hard).square().sum(1) / lengths
            adversarial = margins.mean()
            penalties = {
                "magnitude": (relative + 1e-12).sqrt().mean(),
                "sparsity": ((output.positions if output.factorised else sizes).abs().sum(1) / lengths).mean(),
                "quantisation": (uncertain + 1e-12).sqrt().mean(),
            }
        weighted = {name: getattr(self, name) * value for name, value in penalties.items() if getattr(self, name)}
        return {"adversarial": adversarial, **weighted}
