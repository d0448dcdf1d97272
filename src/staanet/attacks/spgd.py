"""Sparse-PGD: a perturbation as magnitudes times a mask, both found by gradients (https://arxiv.org/abs/2405.05075)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.sparse import SparseAscent, l1_normalise
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

Gradient = Literal["unprojected", "projected"]
"""Which magnitudes are updated: all, weighted by their scores (`unprojected`), or those in the mask (`projected`)."""


@dataclass(frozen=True)
class SPGD(SparseAscent):
    """Updates magnitudes and scores of all samples; the magnitudes with the highest scores are applied.

    Source: X. Zhong, Y. Huang, C. Liu, ICML 2024, algorithm 1. Magnitudes take sign steps. Scores pass through a
    sigmoid and take steps of one Euclidean norm along their gradient. The mask is 1 at the highest scores; gradients
    pass it as if it were the sigmoid of the scores. A mask that stays the same for `patience` steps without success is
    drawn anew. The paper bounds the count only, and ends a clip once it is fooled; here epsilon bounds the magnitudes
    too, and a clip uses all steps, for the highest objective.

    Three defaults differ from the authors' code (6624853), because they are stronger here or cheaper: `score_step` is
    0.1 instead of 0.25, the objective is the margin instead of the cross-entropy, and there are 100 steps instead of
    300. The preset `published` has the original values.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        steps: Number of gradients per clip, at least 1.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.
        step_size: Size of a step of the magnitudes as a fraction of epsilon.
        score_step: Root mean square of a step of the scores.
        gradient: Which magnitudes are updated; the paper's ensemble runs both. With `projected`, magnitudes outside the
            mask keep their random start, half of them with the wrong sign.
        patience: Number of steps after which an unchanged, unsuccessful mask is drawn anew, at least 1.
    """

    name = "spgd"
    reference = "arXiv 2405.05075"
    presets: ClassVar = {"published": {"steps": 300, "objective": "cross_entropy", "score_step": 0.25}}

    step_size: float = 0.25
    score_step: float = 0.1
    gradient: Gradient = "unprojected"
    patience: int = 3

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if not 0 < self.step_size < float("inf") or not 0 < self.score_step < float("inf") or self.patience < 1:
            raise StaanetError(
                "expected step_size and score_step above 0 and patience of 1 or more, "
                f"got {self.step_size}, {self.score_step} and {self.patience}"
            )

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best adversarial waveforms found, `[B, T]`."""
        best = BestSoFar(model, waveforms, labels, lengths, self.objective, self.targeted)
        box = Box.of(self.budget, model, waveforms, lengths)
        magnitudes, scores = box.uniform(random), random.normal()
        mask, unchanged = box.top(scores), torch.zeros_like(labels)
        for _ in range(self.steps):
            gradients = best.value_and_grad(magnitudes * mask).gradients
            soft = scores.sigmoid()
            directions = functional.normalize(l1_normalise(gradients) * magnitudes * soft * (1 - soft), dim=1)
            scores = scores + self.score_step * lengths[:, None].sqrt() * directions
            weights = soft if self.gradient == "unprojected" else mask
            magnitudes = box.clamp(magnitudes + self.step_size * box.epsilon * (gradients * weights).sign())
            previous, mask = mask, box.top(scores)
            unchanged = torch.where((mask == previous).all(1) & ~best.succeeded, unchanged + 1, 0)
            stuck = (unchanged >= self.patience).nonzero()[:, 0]
            if len(stuck):
                scores[stuck] = random.select(stuck).normal()
                mask[stuck], unchanged[stuck] = box.rows(stuck).top(scores[stuck]), 0
        best.evaluate(magnitudes * mask)
        return best.adversarial
