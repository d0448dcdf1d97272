"""Sparse-PGD: a perturbation as magnitudes times a mask, both found by gradients (https://arxiv.org/abs/2405.05075)."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from staanet.attacks.components.search import Room, Search
from staanet.attacks.components.sparse import SparseAscent, even
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom

Gradient = Literal["unprojected", "projected"]
"""Which magnitudes learn: all, weighted by their score, or those that are heard alone."""


@dataclass(frozen=True)
class SPGD(SparseAscent):
    """Magnitudes and scores of all samples are learnt; the magnitudes with the highest scores are heard.

    Source: X. Zhong, Y. Huang, C. Liu, ICML 2024, algorithm 1. Magnitudes take sign steps. Scores pass through a
    sigmoid and take steps along their gradient, all of one Euclidean norm. The mask is 1 where the scores are highest;
    gradients pass it as if it were their sigmoid. A mask that a clip keeps for `patience` steps without being reached
    is drawn anew. There only the count is bounded, and a clip ends once reached; here the magnitudes are bounded by
    epsilon too, and a clip goes on, for the highest objective.

    Args:
        budget: size and share of the samples.
        steps: gradients per clip.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
        step_size: of magnitudes, as a share of epsilon.
        score_step: root mean square of a step of the scores.
        gradient: `unprojected` or `projected`; the paper's ensemble runs both. With `projected`, magnitudes that are
            not heard stay as they were drawn, half of them on the wrong side.
        patience: steps.
    """

    name = "spgd"
    reference = "arXiv 2405.05075"

    step_size: float = 0.25
    score_step: float = 0.1
    gradient: Gradient = "unprojected"
    patience: int = 3

    def __post_init__(self) -> None:
        """Refuse settings with which nothing moves."""
        super().__post_init__()
        if not 0 < self.step_size < float("inf") or not 0 < self.score_step < float("inf") or self.patience < 1:
            raise StaanetError(
                "expected step_size and score_step above 0 and patience of 1 or more, "
                f"got {self.step_size}, {self.score_step} and {self.patience}"
            )

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the best waveforms `[B, T]` found."""
        search = Search(model, waveforms, labels, lengths, self.objective, self.targeted)
        rows = torch.arange(len(waveforms), device=waveforms.device)
        room = Room.of(self.budget, model, waveforms, lengths)
        epsilon, _ = self.budget.resolve(waveforms, lengths)
        magnitudes = room.low + (room.high - room.low) * random.uniform()
        scores = random.normal()
        mask, kept = room.top(scores), torch.zeros_like(labels)
        for _ in range(self.steps):
            gradients = search.climb(magnitudes * mask, rows).gradients
            soft = scores.sigmoid()
            uphill = functional.normalize(even(gradients) * magnitudes * soft * (1 - soft), dim=1)
            scores = scores + self.score_step * lengths[:, None].sqrt() * uphill
            weights = soft if self.gradient == "unprojected" else mask
            magnitudes = room.clamp(magnitudes + self.step_size * epsilon * (gradients * weights).sign())
            previous, mask = mask, room.top(scores)
            kept = torch.where((mask == previous).all(1) & ~search.reached, kept + 1, 0)
            stuck = (kept >= self.patience).nonzero()[:, 0]
            if len(stuck):
                scores[stuck] = random.select(stuck).normal()
                mask[stuck], kept[stuck] = room.rows(stuck).top(scores[stuck]), 0
        search.look(magnitudes * mask, rows)
        return search.adversarial
