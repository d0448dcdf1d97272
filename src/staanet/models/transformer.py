"""A small Transformer encoder on frames of samples, of a log-mel spectrogram, or of cepstral coefficients."""

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
"""Approximate mean and standard deviation in dB of log-mel spectrograms of standardised speech."""


@dataclass(frozen=True)
class TransformerSettings(ModelSettings):
    """Settings of the Transformer.

    Args:
        labels: Emotions in the order of the logits; two or more, all different.
        seconds: Trained length in seconds. Every clip is repeated or cut to this length.
        sample_rate: Sampling rate of the input in Hz.
        front_end: Input of the encoder: frames of samples (`waveform`), of the `log_mel` spectrogram, or of cepstral
            coefficients (`mfcc`).
        spectrogram: Size and hop of the frames, for frames of samples as well. The default, 25 ms every 20 ms at
            16 kHz, has as many time steps per second as wav2vec 2.0.
        cepstra: Number of coefficients per frame for `mfcc`; at most the number of mel bands.
        width: Size of each frame's vector; a multiple of twice the number of `heads`.
        layers: Number of encoder layers; 1 or more.
        heads: Number of attention heads in each layer; 1 or more.
        dropout: Dropout probability in each layer, in [0, 1).
    """

    front_end: FrontEnd = "log_mel"
    spectrogram: LogMel = LogMel(bands=64, n_fft=400, hop=320)
    cepstra: int = 20
    width: int = 128
    layers: int = 4
    heads: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Validate the settings."""
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
    """A small Transformer encoder with a selectable front end: waveform, log-mel spectrogram or MFCC.

    A linear layer maps frames to vectors, to which sinusoidal positions are added (A. Vaswani et al., "Attention is all
    you need", NeurIPS 2017). The layers normalise first, and a linear head classifies the mean over time. Only the
    first layer depends on the front end, so that front ends can be compared.

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
        self.head = nn.Linear(settings.width, settings.output_count)

    @property
    def pooling_stride(self) -> int:  # type: ignore[override]
        """Samples per frame."""
        return self.settings.spectrogram.hop

    @property
    def min_samples(self) -> int:
        """Length in samples of the shortest clip that has one frame."""
        return self.settings.spectrogram.n_fft

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""
        logits: Tensor = self.head(self.encode(waveforms))
        return logits

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the representations `[B, width]` of standardised waveforms `[B, trained_length]`."""
        steps = self.front(self._frames(waveforms))
        pooled: Tensor = self.encoder(steps + sinusoids(steps.shape[1], steps.shape[2]).to(steps)).mean(1)
        return pooled

    def _frames(self, waveforms: Tensor) -> Tensor:
        """Return the frames `[B, S, size]` of standardised waveforms `[B, trained_length]`."""
        sizes = self.settings.spectrogram
        if self.settings.front_end == "waveform":
            return waveforms.unfold(1, sizes.n_fft, sizes.hop)
        with torch.autocast(waveforms.device.type, enabled=False):
            frames = (log_mel(waveforms, self.sample_rate, sizes) - CENTRE) / SPREAD
            if self.settings.front_end == "mfcc":
                frames = mfcc(frames, self.settings.cepstra)
        return frames.transpose(1, 2)


def sinusoids(count: int, width: int) -> Tensor:
    """Return the sinusoidal position encodings of `count` frames, `[count, width]`.

    >>> sinusoids(1, 4)
    tensor([[0., 1., 0., 1.]])
    """
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
    angles = torch.arange(count)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
