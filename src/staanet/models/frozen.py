"""The base class of models with an encoder that may be frozen, so that training computes its output once per clip."""

import abc
import hashlib

from torch import Tensor, nn

from staanet.models.base import Model


class HasEncoder(Model):
    """A model that classifies a clip by features that an encoder computes, of which training may keep the weights.

    If the encoder is frozen, training computes the features of each clip once, keeps them next to the dataset, and
    trains `head` only. A subclass sets `encoder`, `head` and `is_frozen` and implements the three methods.
    """

    encoder: nn.Module
    """The part that computes the features."""
    head: nn.Module
    """The part that classifies them and is always trained."""
    is_frozen: bool
    """Whether training keeps the weights of the encoder."""

    @abc.abstractmethod
    def features(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the features `[B, ...]` of waveforms `[B, T]`; `decide(features(x))` are the logits of x."""

    @abc.abstractmethod
    def decide(self, features: Tensor) -> Tensor:
        """Return the logits `[B, K]` of features."""

    @abc.abstractmethod
    def fit_features(self, features: Tensor, first: int = 0) -> None:
        """Fit the statistics of the head on the features of training clips, before training.

        Args:
            features: Features of the clips, `[N, layers, D]`.
            first: First layer whose features the head uses; those before it have no influence.
        """

    def encoder_digest(self) -> str:
        """Return the SHA-256 of the weights of the encoder."""
        hashed = hashlib.sha256()
        for name, tensor in sorted(self.encoder.state_dict().items()):
            hashed.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
            hashed.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return hashed.hexdigest()
