"""The losses of a generator: fool the model with small magnitudes and few positions that are near 0 or 1."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from staanet.attacks.generator.base import NO_GOAL, SparsePerturbation
from staanet.core.classifier import margin
from staanet.core.waveforms import valid_samples


@dataclass(frozen=True)
class Losses:
    """The four losses of arXiv 2402.01227, equations 3 to 7, with their weights.

    Args:
        reduction: `clip` normalises each penalty to [0, 1] per clip and averages over the clips, so that a weight has
            the same effect for any batch size and length. `paper` takes norms over the whole batch and sums the
            adversarial loss, as the paper's code does.
        confidence: Margin in logits (phi in the paper) up to which a clip is pushed beyond the decision boundary.
        magnitude: Weight of the size of the magnitudes.
        sparsity: Weight of the number of positions, or of the size of the magnitudes for a generator that chooses no
            positions.
        quantisation: Weight of the distance of the positions from 0 or 1.
    """

    reduction: Literal["clip", "paper"] = "clip"
    confidence: float = 5.0
    magnitude: float = 0.0
    sparsity: float = 0.0
    quantisation: float = 0.0

    def __call__(
        self,
        logits: Tensor,
        labels: Tensor,
        output: SparsePerturbation,
        epsilon: Tensor,
        lengths: Tensor,
        goals: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the weighted losses by name, without those of weight 0; training minimises their sum.

        Shape: logits `[B, K]` of the adversarial clips, labels `[B]` (the model's predictions for the clean clips),
        epsilon `[B, 1]`, lengths `[B]`, goals `[B]` (the classes to reach, `NO_GOAL` to leave that of the label).
        """
        margins = margins_left(logits, labels, goals).clamp_min(-self.confidence)
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


def margins_left(logits: Tensor, labels: Tensor, goals: Tensor | None = None) -> Tensor:
    """Return by how much each clip fails to be taken for another class than its label, or for its goal, `[B]`.

    >>> logits = torch.tensor([[3.0, 1.0, 2.0]]).expand(2, 3)
    >>> margins_left(logits, torch.tensor([0, 0]), torch.tensor([NO_GOAL, 1]))
    tensor([1., 2.])
    """
    untargeted = margin(logits, labels)
    if goals is None:
        return untargeted
    return torch.where(goals == NO_GOAL, untargeted, -margin(logits, goals.clamp_min(0)))
