"""Clips as a model's network hears them, so that attacks on features go the way of attacks on waveforms."""

import math

import torch
from torch import Tensor

from staanet.audio.effects import resynthesise
from staanet.audio.spectrogram import power_of
from staanet.data import Dataset
from staanet.models import CnnLstm, FeatureView


class FeatureDataset(Dataset):
    """A dataset whose clips are their features on a model, each `[bands * frames]`; all else is the dataset's.

    Args:
        dataset: of waveforms.
        model: whose features they are.
    """

    def __init__(self, dataset: Dataset, model: CnnLstm) -> None:
        self.__dict__ |= dataset.__dict__
        self._dataset, self._model = dataset, model
        self._features: dict[str, Tensor] = {}

    def waveform(self, clip: str) -> Tensor:
        """Return the features of a clip, computed once."""
        if clip not in self._features:
            device = self._model.mean.device
            with torch.no_grad():
                self._features[clip] = self._model.features(self._dataset.waveform(clip)[None].to(device))[0].cpu()
        return self._features[clip]

    def fill(self, clip: str, into: Tensor) -> None:
        """Write the features of a clip to the beginning of `into`."""
        into[: self.length(clip)] = self.waveform(clip)

    def length(self, clip: str) -> int:  # noqa: ARG002
        """Return the number of features of a clip."""
        return math.prod(self._model.grid)

    def sound(self, clip: str, features: Tensor) -> Tensor:
        """Return features of a clip as a sound `[T]` with the clip's peak: for listening, since phases are guessed."""
        spectrogram = self._model.spectrogram(features[None].to(self._model.mean.device))[0]
        settings = self._model.settings.spectrogram
        samples = torch.from_numpy(resynthesise(power_of(spectrogram, settings), self.sample_rate, settings))
        return samples * self._dataset.waveform(clip).abs().max()

    def view(self, clips: tuple[str, ...] | list[str]) -> FeatureView:
        """Return the model as it hears features, within whole numbers between which it and some clips have theirs.

        As published, bounds are those of all clips, the test's included.
        """
        low, high = self._model.feature_bounds.tolist()
        for clip in clips:
            features = self.waveform(clip)
            low, high = min(low, float(features.min().floor())), max(high, float(features.max().ceil()))
        return FeatureView(self._model, (low, high))
