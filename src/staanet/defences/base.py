"""The base classes of defences: input defences transform clips before a model, training defences train a model."""

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.waveforms import valid_samples
from staanet.models import Model

Criterion = Callable[[Tensor, Tensor], Tensor]


class Defence(abc.ABC):
    """A method that makes a model more robust to attacks; subclasses are frozen dataclasses of their settings."""

    name: ClassVar[str]
    """Registry name."""
    reference: ClassVar[str]
    """Identifier of the paper."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Published settings by name, as changes to the defaults."""


class InputDefence(Defence):
    """A transformation of clips before a model, such as compression or a telephone channel.

    It is deterministic, and the result for a clip does not depend on the rest of the batch. A subclass implements
    `transform`.
    """

    @final
    def __call__(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
        """Return the transformed waveforms `[B, T]`, zero beyond each clip.

        Gradients flow through the defence, so that adaptive attacks can use them. Operations without a gradient pass it
        on unchanged (see `straight_through`).

        Args:
            waveforms: Clips `[B, T]`, zero beyond their lengths.
            lengths: Valid samples of each clip, `[B]`.
            sample_rate: Sampling rate in Hz.

        Raises:
            StaanetError: If the defence does not support the sampling rate.
        """
        valid = valid_samples(lengths, waveforms.shape[1])
        return torch.where(valid, self.transform(torch.where(valid, waveforms, 0), lengths, sample_rate), 0)

    @abc.abstractmethod
    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
        """Return the transformed waveforms `[B, T]`; the caller sets all samples beyond each clip to zero."""


class TrainingDefence(Defence):
    """A method to train a model, from a trained model or from random weights. A subclass implements `loss`."""

    def begin(self, model: Model, base_model: Model | None) -> None:
        """Initialise a model from the base model before training, if there is one. By default, do nothing."""

    @abc.abstractmethod
    def loss(
        self,
        model: Model,
        base_model: Model | None,
        waveforms: Tensor,
        lengths: Tensor,
        labels: Tensor,
        criterion: Criterion = functional.cross_entropy,
    ) -> Tensor:
        """Return the training loss of a batch.

        Args:
            model: Model in training.
            base_model: Trained model from which training starts or learns. None: there is none.
            waveforms: Clips `[B, T]`, repeated or cut to the training length.
            lengths: Valid samples of each clip, `[B]`.
            labels: True classes, `[B]`.
            criterion: Loss of logits `[B, K]` and classes `[B]` or class probabilities `[B, K]`.
        """


def straight_through(waveforms: Tensor, changed: Tensor) -> Tensor:
    """Return `changed` with the gradient of the identity with respect to `waveforms` (arXiv 1802.00420, section 4.1).

    >>> clip = torch.tensor([0.3], requires_grad=True)
    >>> straight_through(clip, clip.round()).backward()
    >>> clip.grad
    tensor([1.])
    """
    return waveforms + (changed - waveforms).detach()
