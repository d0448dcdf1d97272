"""The contract of defences: settings are the fields of a frozen dataclass; one stands before a model or trains it."""

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
    """Something that is to make a model harder to fool. A subclass is a frozen dataclass."""

    name: ClassVar[str]
    reference: ClassVar[str]
    """Where it comes from."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Settings that were published, by name: what they change of the defaults."""


class InputDefence(Defence):
    """What clips go through before a model hears them: also what a channel does to a clip on its way.

    The same clip always comes out the same, whatever else is in the batch.
    """

    @final
    def __call__(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
        """Return the waveforms `[B, T]` that a model hears instead, zero beyond each clip.

        Gradients pass, through what has none as if it were not there, so that an attack that knows of it can go on.

        Args:
            waveforms: `[B, T]`, zero beyond each clip.
            lengths: `[B]`.
            sample_rate: in Hz.

        Raises:
            StaanetError: a sample rate for which it is not made.
        """
        valid = valid_samples(lengths, waveforms.shape[1])
        return torch.where(valid, self.transform(torch.where(valid, waveforms, 0), lengths, sample_rate), 0)

    @abc.abstractmethod
    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
        """Return the changed waveforms `[B, T]`; what is beyond each clip is cut by the caller."""


class TrainingDefence(Defence):
    """A way to train a model, from another one or from random weights."""

    def begin(self, model: Model, base_model: Model | None) -> None:
        """Give a model what it starts from, where it is made of another one."""

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
        """Return the loss of a batch of clips as long as the model hears them.

        Args:
            model: in training.
            base_model: the model that it is made of.
            waveforms: `[B, T]`.
            lengths: `[B]`.
            labels: `[B]`, the true classes.
            criterion: of the training, of logits `[B, C]` and classes `[B]` or their probabilities `[B, C]`.
        """


def straight_through(waveforms: Tensor, changed: Tensor) -> Tensor:
    """Return `changed`, with the gradient of `waveforms`: as if nothing had been done (arXiv 1802.00420, section 4.1).

    >>> clip = torch.tensor([0.3], requires_grad=True)
    >>> straight_through(clip, clip.round()).backward()
    >>> clip.grad
    tensor([1.])
    """
    return waveforms + (changed - waveforms).detach()
