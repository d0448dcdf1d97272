"""The base classes of defences: input defences transform clips before a model, training defences train a model."""

import abc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from staanet.core.signature import to_jsonable
from staanet.core.waveforms import valid_samples
from staanet.models import Model

Criterion = Callable[[Tensor, Tensor], Tensor]

Gradient = Literal["exact", "straight_through", "expectation"]
"""What an attack that knows a defence uses of it:

- `exact`: its gradient, which exists almost everywhere;
- `straight_through`: that of the identity, because its own is zero or does not exist (BPDA, arXiv 1802.00420, 4.1);
- `expectation`: the mean over its random draws (EOT, arXiv 1707.07397), each with its exact gradient."""


class Defence(abc.ABC):
    """A method that makes a model more robust to attacks; subclasses are frozen dataclasses of their settings."""

    name: ClassVar[str]
    """Registry name."""
    reference: ClassVar[str]
    """Identifier of the paper."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Published settings by name, as changes to the defaults."""

    def identity(self) -> dict[str, Any]:
        """Return its name and what decides its results, without paths: by default, its settings."""
        return {"name": self.name, **to_jsonable(self)}


class InputDefence(Defence):
    """A transformation of clips before a model, such as compression or a telephone channel.

    It is deterministic, and the result for a clip does not depend on the rest of the batch. A subclass implements
    `transform`. One whose `gradient` is `expectation` draws random numbers from the samples of the clip, and implements
    `redrawn`.
    """

    gradient: ClassVar[Gradient] = "exact"
    """What an attack that knows the defence uses of it."""

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """Folders of the trained networks that it applies; by default there are none."""
        return ()

    @final
    def checked(self, sample_rate: int) -> Self:
        """Return the defence after trying it on a tenth of a second of silence, which tells early what it cannot do.

        Raises:
            StaanetError: If it does not support the sampling rate in Hz, or needs a package that is not installed.
        """
        size = max(1, sample_rate // 10)
        self(torch.zeros(1, size), torch.tensor([size]), sample_rate)
        return self

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

    def redrawn(self, waveforms: Tensor, lengths: Tensor, sample_rate: int, seed: int) -> Tensor:  # noqa: ARG002
        """Return the waveforms `[B, T]` transformed with the random draws of another seed; by default, as always.

        An attacker does not know the draws that a clip will get, and averages over many.
        """
        return self(waveforms, lengths, sample_rate)

    @abc.abstractmethod
    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
        """Return the transformed waveforms `[B, T]`; the caller sets all samples beyond each clip to zero."""


class PerClip(InputDefence):
    """An input defence that transforms one clip at a time; a subclass implements `transform_clip`."""

    @final
    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
        """Return the transformed waveforms `[B, T]`."""
        rows = []
        for clip, length in zip(waveforms, lengths.tolist(), strict=True):
            rows.append(functional.pad(self.transform_clip(clip[:length], sample_rate), (0, len(clip) - length)))
        return torch.stack(rows)

    @abc.abstractmethod
    def transform_clip(self, clip: Tensor, sample_rate: int) -> Tensor:
        """Return the transformed clip `[T]`."""


class Codec(PerClip):
    """An input defence that encodes and decodes clips; gradients pass unchanged. A subclass implements `decoded`."""

    gradient = "straight_through"

    @final
    def transform_clip(self, clip: Tensor, sample_rate: int) -> Tensor:
        """Return the decoded clip `[T]` with the gradient of the identity."""
        samples = clip.detach().cpu().numpy().astype(np.float32)
        return straight_through(clip, torch.from_numpy(self.decoded(samples, sample_rate)).to(clip))

    @abc.abstractmethod
    def decoded(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Return the decoded samples `[T]` of a clip."""


class Companion(NamedTuple):
    """A network that a training defence trains together with the model."""

    network: nn.Module
    factor: float
    """Its learning rate as a multiple of that of the model."""


class TrainingDefence(Defence):
    """A method to train a model, from a trained model or from random weights. A subclass implements `loss`."""

    def companion(self) -> Companion | None:
        """Return the network that is trained together with the model by the same loss; by default there is none."""
        return None

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


class Smoothing(TrainingDefence):
    """A defence that decides by the votes of a model on changed copies of a clip, so that a certificate exists.

    The certificate is a proof: no attack within its radius changes the decision of the votes. It holds for the votes,
    not for the model on its own. Training teaches the model the changed copies. A subclass is either
    `RandomisedSmoothing` or has a finite number of voters, all of which are asked; it implements `vote`.
    """

    norm: ClassVar[str]
    """Norm of the changes that are certified: `l2` or `l0`."""

    @abc.abstractmethod
    def certified_object(self) -> str:
        """Return which input the certificate is about and what the voters receive, in a sentence."""

    @abc.abstractmethod
    def vote(self, model: Model, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B * V, K]` of V random voters of each clip `[B, T]`, those of one clip in a row."""

    @final
    def loss(
        self,
        model: Model,
        base_model: Model | None,  # noqa: ARG002
        waveforms: Tensor,
        lengths: Tensor,
        labels: Tensor,
        criterion: Criterion = functional.cross_entropy,
    ) -> Tensor:
        """Return the loss of the voters of a batch."""
        logits = self.vote(model, waveforms, lengths).float()
        return criterion(logits, labels.repeat_interleave(len(logits) // len(labels)))


class RandomisedSmoothing(Smoothing):
    """A smoothing whose voters are drawn at random, so that a certificate holds with a stated probability."""

    @property
    @abc.abstractmethod
    def least_share(self) -> float:
        """Share of the votes above which a class is certified at the smallest radius."""

    @abc.abstractmethod
    def draw(self, clip: Tensor, count: int, random: torch.Generator) -> Tensor:
        """Return inputs of voters, `[count, T]`, for a clip `[T]`.

        Args:
            clip: Samples of the clip.
            count: Number of voters.
            random: Stream of random numbers on the CPU.
        """

    @abc.abstractmethod
    def radius(self, lower: float, upper: float, clip: Tensor) -> float:
        """Return the certified radius of a clip `[T]`: an L2 norm in full scale, or a number of samples.

        Args:
            lower: Lower bound of the probability of the decided class.
            upper: Upper bound of the probability of every other class, below `lower`.
            clip: Samples of the clip.
        """


def straight_through(waveforms: Tensor, changed: Tensor) -> Tensor:
    """Return `changed` with the gradient of the identity with respect to `waveforms` (arXiv 1802.00420, section 4.1).

    >>> clip = torch.tensor([0.3], requires_grad=True)
    >>> straight_through(clip, clip.round()).backward()
    >>> clip.grad
    tensor([1.])
    """
    return waveforms + (changed - waveforms).detach()
