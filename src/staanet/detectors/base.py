"""The base class of detectors, which score how suspicious a clip is."""

import abc
from collections.abc import Iterable
from typing import ClassVar

from torch import Tensor

from staanet.models import Model

Pair = tuple[Tensor, Tensor, Tensor]
"""Clean clips `[B, T]`, the same clips under attack `[B, T]`, and their lengths `[B]`."""


class Detector(abc.ABC):
    """A function of clips that is higher for attacked ones; subclasses are frozen dataclasses of their settings."""

    name: ClassVar[str]
    """Registry name."""
    reference: ClassVar[str]
    """Identifier of the paper."""

    def fit(self, model: Model, pairs: Iterable[Pair], seed: int = 0) -> "Detector":  # noqa: ARG002
        """Return the detector as it is after learning from clean and attacked clips; by default, it learns nothing.

        Args:
            model: The model that is protected.
            pairs: Batches of clean and attacked clips.
            seed: Random seed.
        """
        return self

    @abc.abstractmethod
    def scores(self, model: Model, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return how suspicious each clip is, `[B]`, with a gradient that an adaptive attacker uses.

        Args:
            model: The model that is protected.
            waveforms: Clips `[B, T]`, zero beyond their lengths.
            lengths: Valid samples of each clip, `[B]`.
        """
