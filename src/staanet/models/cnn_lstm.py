"""The CNN-LSTM on log-mel spectrograms (Facchinetti, Simonetta, Ntalampiras, 2024)."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor, nn

from staanet.audio.effects import resynthesise
from staanet.audio.lengths import fit_length
from staanet.audio.spectrogram import LogMel, log_mel, mfcc, power_of
from staanet.core.errors import StaanetError
from staanet.core.signature import to_jsonable
from staanet.models.base import HasFeatures, ModelSettings, Network
from staanet.models.layers.recurrent import recur
from staanet.models.layers.segments import SegmentConvolutions

Normalisation = Literal["none", "sum", "maximum", "range"]

SEGMENT = 29
"""Spectrogram frames per time step of the LSTM."""

CONSTANT = 1e-6
"""A cell is constant, and is not divided by its deviation, if the deviation is below this share of its peak."""


@dataclass(frozen=True)
class CnnLstmSettings(ModelSettings):
    """Settings of the CNN-LSTM. The defaults are the final network of arXiv 2404.18514.

    The base network, on which the authors compared normalisations, is `width = 3`, `bidirectional = False`.

    Args:
        labels: Emotions in the order of the logits; two or more, all different.
        seconds: Trained length in seconds. Every clip is repeated or cut to this length.
        sample_rate: Sampling rate of the input in Hz.
        spectrogram: Log-mel spectrogram of the clip, which is not standardised, so its level matters.
        normalisation: Normalisation of each spectrogram: `none`; division by the `sum` or by the `maximum` of its
            absolute values; or `range`, which scales each frame to [0, 1]. Zero stays zero.
        standardised: Whether each spectrogram cell is then scaled to mean 0 and standard deviation 1 over the clips
            in `fit_statistics`.
        width: Units of the LSTM in each direction; 1 or more.
        bidirectional: Whether a second LSTM processes the segments in reverse order.
        cepstra: Number of cepstral coefficients (MFCC) of each frame, 26 or more. None: the mel bands themselves.
    """

    spectrogram: LogMel = LogMel(decibels="published")
    normalisation: Normalisation = "none"
    standardised: bool = True
    width: int = 256
    bidirectional: bool = True
    cepstra: int | None = None

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if _pooled(self.rows) < 1 or self.width < 1:
            raise StaanetError(
                f"expected 26 bands or cepstra or more and a width of 1 or more, got {self.rows} and {self.width}"
            )
        if self.rows > self.spectrogram.bands:
            raise StaanetError(f"expected cepstra of at most {self.spectrogram.bands} bands, got {self.cepstra}")

    @property
    def rows(self) -> int:
        """Features per frame: mel bands or cepstral coefficients."""
        return self.spectrogram.bands if self.cepstra is None else self.cepstra


class CnnLstm(HasFeatures):
    """Three convolutions and an LSTM on the log-mel spectrogram; 3 962 405 parameters at 5 classes.

    The CNN-LSTM of arXiv 2404.18514. Three convolutions process segments of 29 frames, an LSTM processes the segments,
    and a linear layer classifies its last states. As in the original code, the cells of the spectrograms are
    standardised but the clips are not, so the logits depend on a clip's level. The model contains its front end, so
    attacks perturb waveforms; with `FeatureView` they perturb the features.

    >>> model = CnnLstm(CnnLstmSettings(labels=tuple("ABCDE")))
    >>> sum(parameter.numel() for parameter in model.parameters())
    3962405
    """

    name = "cnn_lstm"
    preset = "systematic_emodb"
    Settings = CnnLstmSettings
    settings: CnnLstmSettings
    mean: Tensor
    deviation: Tensor
    feature_bounds: Tensor

    def __init__(self, settings: CnnLstmSettings) -> None:
        super().__init__(settings)
        assert self.trained_length is not None  # noqa: S101
        self.grid = (settings.rows, settings.spectrogram.frames(self.trained_length))
        cells = self.grid[0] * self.grid[1]
        self.register_buffer("mean", torch.zeros(cells))
        self.register_buffer("deviation", torch.ones(cells))
        self.register_buffer("feature_bounds", torch.tensor([-torch.inf, torch.inf]))
        self.convolutions = SegmentConvolutions()
        self.dropout = nn.Sequential(nn.Dropout(0.0), nn.Dropout(0.0))  # a layer of its own, and the LSTM's input
        units = 64 * _pooled(settings.rows)
        self.lstm = nn.LSTM(units, settings.width, batch_first=True, bidirectional=settings.bidirectional)
        self.linear = nn.Linear(settings.width * (2 if settings.bidirectional else 1), settings.output_count)
        _initialise_as_keras(self)

    @classmethod
    def identity(cls, settings: CnnLstmSettings) -> dict[str, Any]:
        """Return the settings that differ from the defaults for the same labels, trained length and sampling rate."""
        own = CnnLstmSettings(settings.labels, settings.seconds, settings.sample_rate)
        names = [field.name for field in fields(own)]
        return {
            name: to_jsonable(getattr(settings, name))
            for name in names
            if getattr(settings, name) != getattr(own, name)
        }

    @property
    def pooling_stride(self) -> int:  # type: ignore[override]
        """Samples per time step of the LSTM."""
        return SEGMENT * self.settings.spectrogram.hop

    @property
    def min_samples(self) -> int:
        """Length in samples of the shortest clip that has one segment of frames."""
        return (SEGMENT - 1) * self.settings.spectrogram.hop

    def forward_fitted(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:  # noqa: ARG002
        """Return the logits `[B, K]`, or the output of `network`, of waveforms `[B, trained_length]` as they are."""
        return (network or self.classify)(waveforms)

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, trained_length]`."""
        return self.decide(self._features(waveforms))

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the last states of the LSTM `[B, D]` of waveforms `[B, trained_length]`."""
        return self._states(self._features(waveforms))

    def features(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the features of clips: spectrogram cells or cepstral coefficients, row after row.

        Shape: waveforms `[B, T]`, lengths `[B]` (default: all T samples are valid) -> features `[B, rows * frames]`.
        """
        if lengths is None:
            lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        assert self.trained_length is not None  # noqa: S101
        return self._features(fit_length(waveforms, lengths, self.trained_length))

    def decide(self, features: Tensor) -> Tensor:
        """Return the logits of features: `[B, rows * frames]` -> `[B, K]`."""
        logits: Tensor = self.linear(self._states(features))
        return logits

    def _states(self, features: Tensor) -> Tensor:
        """Return the last states of both directions of the LSTM: `[B, rows * frames]` -> `[B, D]`."""
        frames = features.unflatten(1, self.grid).transpose(1, 2)  # [B, frames, rows]
        count = frames.shape[1] // SEGMENT
        segments = frames[:, : count * SEGMENT].reshape(-1, 1, SEGMENT, self.grid[0])
        steps = self.convolutions(segments).unflatten(0, (len(features), count))  # [B, segments, 64 * pooled]
        _, last = recur(self.lstm, self.dropout(steps))  # [directions, B, width]
        return last.transpose(0, 1).flatten(1)

    def spectrogram(self, features: Tensor) -> Tensor:
        """Return the log-mel spectrograms in dB that have these features, to plot them or to listen to them.

        Shape: `[B, bands * frames]` -> `[B, bands, frames]`.

        Raises:
            StaanetError: If the normalisation or the cepstrum cannot be undone.
        """
        if self.settings.normalisation != "none" or self.settings.cepstra is not None:
            raise StaanetError(
                f"expected a model of mel bands whose normalisation is none, got normalisation = "
                f"{self.settings.normalisation}, cepstra = {self.settings.cepstra}, which cannot be undone"
            )
        spectrograms: Tensor = (features * self.deviation + self.mean).unflatten(1, self.grid)
        return spectrograms

    def sound(self, features: Tensor) -> Tensor:
        """Return features `[bands * frames]` of one clip as a waveform `[T]` with peak 1; phases are estimated.

        Raises:
            StaanetError: If the normalisation or the cepstrum cannot be undone, or librosa is not installed.
        """
        decibels = self.spectrogram(features[None])[0]
        settings = self.settings.spectrogram
        return torch.from_numpy(resynthesise(power_of(decibels, settings), self.sample_rate, settings))

    @torch.no_grad()
    def fit_statistics(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Fit the mean and the deviation of each cell, if `standardised`, and the bounds of all features.

        The bounds are rounded outwards to integers, as published.

        Raises:
            StaanetError: If there are no clips.
        """
        assert self.trained_length is not None  # noqa: S101
        count = 0
        total = squares = torch.zeros_like(self.mean, dtype=torch.float64)
        low, high = torch.full_like(self.mean, torch.inf), torch.full_like(self.mean, -torch.inf)
        for waveforms, lengths in batches:
            cells = self._cells(fit_length(waveforms, lengths, self.trained_length))
            count += len(cells)
            total, squares = total + cells.double().sum(0), squares + cells.double().square().sum(0)
            low, high = torch.minimum(low, cells.amin(0)), torch.maximum(high, cells.amax(0))
        if count == 0:
            raise StaanetError(f"expected clips to fit the statistics of {self.name} on, got none")
        if self.settings.standardised:
            deviation = (squares / count - (total / count).square()).clamp_min(0).sqrt()
            varies = deviation > CONSTANT * torch.maximum(low.abs(), high.abs())
            self.mean.copy_(total / count)
            self.deviation.copy_(torch.where(varies, deviation, 1))
        self.feature_bounds[0] = ((low - self.mean) / self.deviation).min().floor()
        self.feature_bounds[1] = ((high - self.mean) / self.deviation).max().ceil()

    def _features(self, waveforms: Tensor) -> Tensor:
        return (self._cells(waveforms) - self.mean) / self.deviation

    def _cells(self, waveforms: Tensor) -> Tensor:
        """Return the normalised spectrograms `[B, rows * frames]` of waveforms `[B, trained_length]`."""
        if waveforms.shape[1] != self.trained_length:
            raise StaanetError(
                f"expected clips of {self.settings.seconds:g} s, since {self.name} has a statistic per cell of their "
                f"spectrogram, got {waveforms.shape[1] / self.sample_rate:g} s; leave crop out"
            )
        with torch.autocast(waveforms.device.type, enabled=False):
            spectrograms = log_mel(waveforms, self.sample_rate, self.settings.spectrogram)
            spectrograms = normalised(spectrograms, self.settings.normalisation)
            if self.settings.cepstra is not None:
                spectrograms = mfcc(spectrograms, self.settings.cepstra)
            return spectrograms.flatten(1)


def normalised(spectrograms: Tensor, how: Normalisation) -> Tensor:
    """Return normalised spectrograms `[B, bands, frames]`; divisions by zero give zero.

    Args:
        spectrograms: Log-mel spectrograms in dB.
        how: Normalisation, as in `CnnLstmSettings`.

    >>> normalised(torch.tensor([[[1.0], [3.0]]]), "sum")[0, :, 0]
    tensor([0.2500, 0.7500])
    """
    if how == "none":
        return spectrograms
    if how == "range":
        spectrograms = spectrograms - spectrograms.amin(1, keepdim=True)
        size = spectrograms.amax(1, keepdim=True)
    elif how == "maximum":
        size = spectrograms.abs().amax((1, 2), keepdim=True)
    else:
        size = spectrograms.abs().sum((1, 2), keepdim=True)
    return spectrograms / torch.where(size > 0, size, 1)


def _pooled(bands: int) -> int:
    """Return how many rows remain after the convolutions and their pooling; of 29 frames, one remains."""
    first = (bands - 4 - 4) // 2 + 1
    second = (first - 2 - 2) // 2 + 1
    return second - 2 - 1


def _initialise_as_keras(network: CnnLstm) -> None:
    """Initialise the layers as Keras does: Glorot-uniform weights, zero biases, forget gates with bias 1."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            assert part.bias is not None  # noqa: S101
            nn.init.zeros_(part.bias)
    for name, weights in network.lstm.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(weights)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(weights)
        else:
            nn.init.zeros_(weights)
            if name.startswith("bias_ih"):
                nn.init.ones_(weights.view(4, -1)[1])
