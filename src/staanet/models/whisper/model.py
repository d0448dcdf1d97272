"""Whisper as a model of emotions: its encoder, the mean of its layers over time, and a linear head."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from staanet.audio.lengths import standardise
from staanet.audio.whisper_mel import HOP, MIN_SAMPLES, whisper_mel
from staanet.models.base import Network
from staanet.models.frozen import HasEncoder
from staanet.models.hugging_face.files import check_files, check_hub_id, identity_of
from staanet.models.hugging_face.loading import check_installed
from staanet.models.whisper.encoder import build_encoder, hidden_states, keep_layers, open_encoder
from staanet.models.whisper.head import LayerHead
from staanet.models.whisper.settings import WhisperSettings

HUB_ID = "openai/whisper-base"
"""Hub id of the default checkpoint."""

LEVEL = 0.05
"""Root mean square in full scale to which each clip is scaled, a usual level of speech (-26 dB)."""


class Whisper(HasEncoder):
    """The encoder of Whisper with a linear head on the means over time of its first layers.

    A. Radford et al., "Robust speech recognition via large-scale weak supervision", 2022, arXiv 2212.04356. The layers
    have learnt weights, as in S. Yang et al., "SUPERB: speech processing universal performance benchmark", 2021, arXiv
    2105.01051, but are not summed. Each clip is scaled to one level and encoded at its own length instead of 30 s, so
    that predictions do not depend on the batch. Clips of equal length share a forward pass.

    Raises:
        StaanetError: If the checkpoint is not available or is not of Whisper, or if the architecture is invalid.
    """

    name = "whisper"
    preset = "probe"
    packages = ("transformers",)
    pooling_stride = 2 * HOP
    Settings = WhisperSettings
    settings: WhisperSettings

    def __init__(self, settings: WhisperSettings) -> None:
        check_installed(self.name)
        if settings.architecture is None:
            encoder, architecture = open_encoder(settings.checkpoint or HUB_ID)
        else:
            encoder, architecture = build_encoder(self.name, settings.architecture)
        layers = keep_layers(encoder, settings.layers)
        super().__init__(_complete(settings, architecture))
        self.encoder: Any = encoder
        self.is_frozen = bool(self.settings.frozen)
        self.encoder.requires_grad_(not self.is_frozen)
        self.encoder.embed_positions.requires_grad_(False)  # as in Whisper itself
        self.head: LayerHead = LayerHead(1 + layers, architecture["d_model"], settings.output_count)

    @classmethod
    def check(cls, settings: WhisperSettings) -> None:
        """Check that the model can be built from these settings, without loading or downloading weights.

        Raises:
            StaanetError: If the checkpoint's folder lacks a file, the architecture is invalid, or the extra `hf` is not
                installed.
        """
        check_installed(cls.name)
        checkpoint = settings.checkpoint or HUB_ID
        if settings.architecture is not None:
            with torch.device("meta"):
                cls(settings)
        elif Path(checkpoint).is_dir():
            check_files(Path(checkpoint), checkpoint)
        else:
            check_hub_id(checkpoint)

    @classmethod
    def identity(cls, settings: WhisperSettings) -> dict[str, Any]:
        """Return the hash of the checkpoint's files and its hub id, or the architecture, and the other settings."""
        own = super().identity(settings)
        own.pop("checkpoint", None)
        return own if settings.architecture is not None else {**own, **identity_of(settings.checkpoint or HUB_ID)}

    @property
    def min_samples(self) -> int:
        """Length in samples of the shortest clip, which has one time step."""
        return MIN_SAMPLES

    def train(self, mode: bool = True) -> "Whisper":
        """Set the mode of the network; a frozen encoder stays in eval mode."""
        super().train(mode)
        if self.is_frozen:
            self.encoder.eval()
        return self

    def fit_statistics(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Fit the statistics of the head on the features of batches of waveforms and lengths."""
        with torch.no_grad():
            self.fit_features(torch.cat([self.features(waveforms, lengths) for waveforms, lengths in batches]))

    def fit_features(self, features: Tensor, first: int = 0) -> None:
        """Fit mean and deviation of each feature on training clips `[N, 1 + layers, D]`; leave out layers before one.

        Args:
            features: Features of the clips. Layer 0 is the input of the first layer of the encoder.
            first: First layer that the head uses.
        """
        self.head.fit(features, first)

    def features(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the means over time `[B, 1 + layers, D]` of the encoder's layers, and of their input."""
        return self.forward_fitted(*self.fit_length(waveforms, lengths), self._features)

    def decide(self, features: Tensor) -> Tensor:
        """Return the logits `[B, K]` of features `[B, 1 + layers, D]`."""
        logits: Tensor = self.head(features)
        return logits

    def forward_fitted(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:
        """Return the logits `[B, K]`, or the output of `network`, of waveforms `[B, T]`, each clip at its own length.

        Raises:
            StaanetError: If a clip is shorter than `min_samples`.
        """
        self.check_lengths(lengths)
        network = network or self.classify
        groups = [(lengths == length).nonzero()[:, 0] for length in lengths.unique()]
        outputs = [network(standardise(waveforms[rows, : int(lengths[rows[0]])])) for rows in groups]
        return torch.cat(outputs)[torch.cat(groups).argsort()]

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, T]`, all of one length."""
        return self.decide(self._features(waveforms))

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the input `[B, (1 + layers) * D]` of the linear layer for standardised waveforms `[B, T]`."""
        return self.head.represent(self._features(waveforms))

    def _features(self, waveforms: Tensor) -> Tensor:
        """Return the features `[B, 1 + layers, D]` of standardised waveforms `[B, T]`, all of one length."""
        with torch.autocast(waveforms.device.type, enabled=False):
            mel = whisper_mel(LEVEL * waveforms, self.encoder.conv1.in_channels)
        return hidden_states(self.encoder, mel).to(mel.dtype).mean(2)


def _complete(settings: WhisperSettings, architecture: dict[str, Any]) -> WhisperSettings:
    """Return the settings of a built model, which need no checkpoint any more."""
    frozen = settings.architecture is None if settings.frozen is None else settings.frozen
    return replace(settings, checkpoint=None, architecture=architecture, frozen=frozen)
