"""Defensive distillation: a model is trained on the softened predictions of a teacher."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.errors import StaanetError
from staanet.defences.base import Criterion, TrainingDefence
from staanet.models import Model


@dataclass(frozen=True)
class Distillation(TrainingDefence):
    """Training on the soft labels of a teacher, with the softmax of both models at a high temperature.

    Source: N. Papernot, P. McDaniel, X. Wu, S. Jha, A. Swami, IEEE S&P 2016. The teacher is the base model. Without a
    base model, the model is trained on the true labels at this temperature, as the method trains teachers. Both predict
    at temperature 1, where their logits are large and the gradients of the softmax vanish; attacks on logits succeed
    nevertheless (N. Carlini, D. Wagner, IEEE S&P 2017).

    Args:
        temperature: Number by which the logits are divided before the softmax, above 0. 1 is ordinary training.

    >>> Distillation(temperature=20.0).name
    'distillation'
    """

    name = "distillation"
    reference = "arXiv 1511.04508"

    temperature: float = 20.0

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not 0 < self.temperature < float("inf"):
            raise StaanetError(f"expected a temperature above 0, got {self.temperature}")

    def loss(
        self,
        model: Model,
        base_model: Model | None,
        waveforms: Tensor,
        lengths: Tensor,
        labels: Tensor,
        criterion: Criterion = functional.cross_entropy,
    ) -> Tensor:
        """Return the loss with respect to the teacher's soft labels, or to the true labels if there is no teacher."""
        targets = labels
        if base_model is not None:
            with torch.no_grad():
                targets = (base_model(waveforms, lengths).float() / self.temperature).softmax(1)
        return criterion(model.forward_fitted(waveforms, lengths).float() / self.temperature, targets)
