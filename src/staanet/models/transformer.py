"""A small Transformer on frames of a clip: of its samples, of its log-mel spectrogram, or of its cepstrum."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from staanet.audio.spectrogram import LogMel, log_mel, mfcc
from staanet.core.errors import StaanetError
from staanet.models.base import Model, ModelSettings

FrontEnd = Literal["waveform", "log_mel", "mfcc"]

CENTRE, SPREAD = -20.0, 20.0
"""In dB, about those of the spectrograms of standardised speech: with them, cells lie around 0 and deviate by 1."""


@dataclass(frozen=True)
class TransformerSettings(ModelSettings):
    """What a Transformer is built from.

    Args:
        labels: the emotions, in the order of the logits.
        seconds: the length it is trained on; every clip is repeated or cut to it.
        sample_rate: of its input, in Hz.
        front_end: what a frame is of: the samples of the `waveform`, the bands of its `log_mel` spectrogram, or their
            cepstral coefficients (`mfcc`).
        spectrogram: sizes of the frames, of samples as well.
        cepstra: how many coefficients `mfcc` has.
        width: numbers per frame; a multiple of `heads`.
        layers: one after the other.
        heads: of attention, in each layer.
        dropout: share that training leaves out in each layer.
    """

    front_end: FrontEnd = "log_mel"
    spectrogram: LogMel = LogMel(bands=64, n_fft=400, hop=320)
    cepstra: int = 20
    width: int = 128
    layers: int = 4
    heads: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what no network can be built from."""
        super().__post_init__()
        for name in ("width", "layers", "heads"):
            if getattr(self, name) < 1:
                raise StaanetError(f"expected {name} of 1 or more, got {getattr(self, name)}")
        if self.width % (2 * self.heads):
            raise StaanetError(f"expected an even width for each of {self.heads} heads, got {self.width} in all")
        if not 1 <= self.cepstra <= self.spectrogram.bands:
            raise StaanetError(f"expected cepstra in 1..{self.spectrogram.bands}, the bands, got {self.cepstra}")
        if not 0 <= self.dropout < 1:
            raise StaanetError(f"expected dropout, a share, in [0, 1), got {self.dropout}")


class Transformer(Model):
    """A small Transformer encoder whose front end is a setting, to hold representations against each other.

    Frames become vectors by one linear layer, places are told by sines (A. Vaswani et al., "Attention is all you need",
    NeurIPS 2017), layers normalise first, and the mean over time goes to a linear head. All but the first layer is the
    same whatever it hears.

    >>> model = Transformer(TransformerSettings(labels=tuple("ABCDEFG")))
    >>> sum(parameter.numel() for parameter in model.parameters())
    539399
    """

    name = "transformer"
    Settings = TransformerSettings
    settings: TransformerSettings

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__(settings)
        sizes = {"waveform": settings.spectrogram.n_fft, "log_mel": settings.spectrogram.bands}
        self.front = nn.Linear(sizes.get(settings.front_end, settings.cepstra), settings.width)
        layer = nn.TransformerEncoderLayer(
            settings.width,
            settings.heads,
            dim_feedforward=2 * settings.width,
            dropout=settings.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(
            layer, settings.layers, nn.LayerNorm(settings.width), enable_nested_tensor=False
        )
        self.head = nn.Linear(settings.width, len(settings.labels))

    @property
    def pooling_stride(self) -> int:  # type: ignore[override]
        """Samples per frame."""
        return self.settings.spectrogram.hop

    @property
    def min_samples(self) -> int:
        """Samples of the shortest clip that it can hear: a frame."""
        return self.settings.spectrogram.n_fft

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""
        logits: Tensor = self.head(self.encode(waveforms))
        return logits

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the representations `[B, width]` of standardised waveforms `[B, trained_length]`."""
        steps = self.front(self._frames(waveforms))
        pooled: Tensor = self.encoder(steps + places(steps.shape[1], steps.shape[2]).to(steps)).mean(1)
        return pooled

    def _frames(self, waveforms: Tensor) -> Tensor:
        """Return the frames `[B, S, size]` of standardised waveforms."""
        sizes = self.settings.spectrogram
        if self.settings.front_end == "waveform":
            return waveforms.unfold(1, sizes.n_fft, sizes.hop)
        with torch.autocast(waveforms.device.type, enabled=False):
            frames = (log_mel(waveforms, self.sample_rate, sizes) - CENTRE) / SPREAD
            if self.settings.front_end == "mfcc":
                frames = mfcc(frames, self.settings.cepstra)
        return frames.transpose(1, 2)


def places(count: int, width: int) -> Tensor:
    """Return sines and cosines that tell the places of frames, `[count, width]`.

    >>> places(1, 4)
    tensor([[0., 1., 0., 1.]])
    """
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
    angles = torch.arange(count)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
