"""A dataset whose clips are features of a model, so that attacks on features run as attacks on waveforms do."""

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from staanet.corpora.base import Utterance
from staanet.data import Batch, Dataset
from staanet.data.dataset import collate
from staanet.models import FeatureView, HasFeatures


class ClipDataset(Protocol):
    """Clips by id: the part of a dataset that attacks and evaluations use, for waveforms and for features."""

    labels: tuple[str, ...]
    sample_rate: int
    utterances: dict[str, Utterance]

    def waveform(self, clip: str) -> Tensor:
        """Return a clip `[T]`."""
        ...

    def length(self, clip: str) -> int:
        """Return the number of values T of a clip."""
        ...

    def label(self, clip: str) -> int:
        """Return the class number of a clip."""
        ...

    def batch(self, clips: Sequence[str]) -> Batch:
        """Return clips as one batch, zero beyond each clip."""
        ...

    def batches(self, clips: Iterable[str], size: int) -> list[list[str]]:
        """Return the ids in groups of at most `size` clips of similar length."""
        ...


class FeatureDataset:
    """The clips of a dataset as features of a model, each `[rows * frames]`, computed once and kept in memory.

    Args:
        dataset: Dataset of waveforms.
        model: Model that computes the features.
    """

    def __init__(self, dataset: Dataset, model: HasFeatures) -> None:
        self.labels = dataset.labels
        self.sample_rate = dataset.sample_rate
        self.utterances = dataset.utterances
        self._dataset = dataset
        self._model = model
        self._features: dict[str, Tensor] = {}

    def waveform(self, clip: str) -> Tensor:
        """Return the features `[rows * frames]` of a clip."""
        if clip not in self._features:
            waveform = self._dataset.waveform(clip)[None].to(self._device)
            with torch.no_grad():
                self._features[clip] = self._model.features(waveform)[0].cpu()
        return self._features[clip]

    def length(self, clip: str) -> int:  # noqa: ARG002
        """Return the number of features of a clip, which is the same for all clips."""
        return math.prod(self._model.grid)

    def label(self, clip: str) -> int:
        """Return the class number of a clip."""
        return self._dataset.label(clip)

    def batch(self, clips: Sequence[str]) -> Batch:
        """Return the features of clips as one batch."""
        return collate([self.waveform(clip) for clip in clips], [self.label(clip) for clip in clips], clips)

    def batches(self, clips: Iterable[str], size: int) -> list[list[str]]:
        """Return the ids, sorted, in groups of at most `size` clips."""
        ordered = sorted(clips)
        return [ordered[start : start + size] for start in range(0, len(ordered), size)]

    def sound(self, clip: str, features: Tensor) -> Tensor:
        """Return features `[rows * frames]` as a waveform `[T]` with the peak of a clip, for listening."""
        return self._model.sound(features.to(self._device)) * self._dataset.waveform(clip).abs().max()

    def view(self, clips: Iterable[str]) -> FeatureView:
        """Return a view of the model whose bounds contain the features of some clips and of the model's own statistics.

        Args:
            clips: Ids of the clips. As published, these are all clips that are attacked, test clips included.
        """
        low, high = self._model.feature_bounds.tolist()
        for clip in clips:
            features = self.waveform(clip)
            low, high = min(low, float(features.min().floor())), max(high, float(features.max().ceil()))
        return FeatureView(self._model, (low, high))

    @property
    def _device(self) -> torch.device:
        return self._model.feature_bounds.device
