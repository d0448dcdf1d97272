"""The features of a model with a frozen encoder: computed once per clip and kept for all epochs, folds and runs."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from staanet.core.checkpoints import load_tensors, save_tensors
from staanet.core.progress import track
from staanet.core.signature import signature
from staanet.core.version import NUMERICS
from staanet.data import Dataset
from staanet.models.frozen import HasEncoder
from staanet.training.parallel import current

FOLDER = "features"
"""Folder of all features next to the clips of a dataset."""

SHARD = 64
"""Number of clips in a file; an interrupted computation loses fewer."""


class FrozenFeatures:
    """The features of the clips of a dataset, computed by the frozen encoder of a model and kept in files.

    The files lie in the folder of the dataset, under a name that depends on the weights of the encoder, the trained
    length and the dataset. They are not written if the folder is read-only. Each clip is encoded on its own, so that
    its features do not depend on when they are computed.

    Args:
        model: Model with a frozen encoder.
        dataset: Dataset that contains the clips.
        device: Device to compute on.
    """

    def __init__(self, model: HasEncoder, dataset: Dataset, device: torch.device) -> None:
        self.model, self._dataset, self._device = model, dataset, device
        key = signature([model.name, model.encoder_digest(), model.trained_length, dataset.digest, NUMERICS])
        self.folder: Path = dataset.folder / FOLDER / f"{model.name}-{key}"
        self._known: dict[str, Tensor] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            self._known |= load_tensors(path)

    def of(self, clips: Sequence[str]) -> Tensor:
        """Return the features `[N, ...]` of clips on the device, computing those that are missing."""
        if not self._known.keys() >= set(clips):
            self.compute(clips)
        return torch.stack([self._known[clip] for clip in clips]).to(self._device)

    def compute(self, clips: Sequence[str]) -> None:
        """Compute the features of clips that are missing; all processes must call this, and divide the work."""
        together = current()
        own = set(clips) - set(self._known)
        missing = sorted(set().union(*together.each(lambda _: own, range(together.size))))
        parts = [missing[start : start + SHARD] for start in range(0, len(missing), SHARD)]
        computed = together.each(self._computed, parts)
        for part, features in zip(parts, track(computed, f"encode clips, {self.model.name}", len(parts)), strict=True):
            if together.writes and os.access(self._dataset.folder, os.W_OK):
                save_tensors(self.folder / f"{signature(part)}.safetensors", features)
            self._known |= features

    def _computed(self, clips: Sequence[str]) -> dict[str, Tensor]:
        """Return the features of some clips."""
        training = self.model.training
        self.model.eval()
        with torch.no_grad():
            found = {clip: self.model.features(self._dataset.waveform(clip)[None].to(self._device)) for clip in clips}
        self.model.train(training)
        return {clip: tensor[0].cpu() for clip, tensor in found.items()}
