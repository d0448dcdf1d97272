"""Defensive distillation: a model learns what another one believes, softened."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.errors import StaanetError
from staanet.defences.base import Criterion, TrainingDefence
from staanet.models import Model


@dataclass(frozen=True)
class Distillation(TrainingDefence):
    """A model learns, at a high temperature, the soft labels that its teacher gives at this temperature.

    Source: N. Papernot, P. McDaniel, X. Wu, S. Jha, A. Swami, IEEE S&P 2016. The teacher is the model that it is made
    of; one that is made of none learns the labels at this temperature, as the method asks of a teacher. Both decide at
    temperature 1, so that their logits are large and their gradients vanish: attacks on logits are not stopped by it
    (N. Carlini, D. Wagner, IEEE S&P 2017).

    Args:
        temperature: by which logits are divided before the softmax.

    >>> Distillation(temperature=20.0).name
    'distillation'
    """

    name = "distillation"
    reference = "arXiv 1511.04508"

    temperature: float = 20.0

    def __post_init__(self) -> None:
        """Refuse a temperature that is none."""
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
        """Return the loss beside the soft labels, or beside the labels where there is no teacher."""
        targets = labels
        if base_model is not None:
            with torch.no_grad():
                targets = (base_model(waveforms, lengths).float() / self.temperature).softmax(1)
        return criterion(model.forward_fitted(waveforms, lengths).float() / self.temperature, targets)
