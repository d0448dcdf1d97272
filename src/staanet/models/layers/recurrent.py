"""Convolutions on the raw waveform and an LSTM: what Emo18 and Zhao19 have in common."""

import torch
from torch import Tensor, nn

from staanet.models.base import Model, ModelSettings
from staanet.models.layers.convolution import ConvBlock


class Recurrent(Model):
    """A model of convolutions and two LSTM layers on the raw waveform."""

    def __init__(self, settings: ModelSettings, *blocks: ConvBlock) -> None:
        super().__init__(settings)
        self.features = nn.Sequential(*blocks)
        convolution = blocks[-1][0]
        assert isinstance(convolution, nn.Conv1d)  # noqa: S101
        self.head = RecurrentHead(convolution.out_channels, len(settings.labels))
        initialise(self)

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""
        logits: Tensor = self.head(self.features(waveforms[:, None]))
        return logits

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the representations `[B, 256]` of standardised waveforms `[B, trained_length]`."""
        representations: Tensor = self.head.pooled(self.features(waveforms[:, None]))
        return representations


class RecurrentHead(nn.Module):
    """Two LSTM layers, a linear layer at each step, the mean over time: features `[B, C, S]` -> logits `[B, K]`."""

    def __init__(self, features: int, classes: int, width: int = 256) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, width, num_layers=2, batch_first=True)
        self.linear = nn.Linear(width, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits `[B, K]`."""
        logits: Tensor = self.linear(self.pooled(features))
        return logits

    def pooled(self, features: Tensor) -> Tensor:
        """Return what enters the linear layer, `[B, width]`: it is the same for all steps, so their mean goes first."""
        steps, _ = recur(self.lstm, features.transpose(1, 2))  # [B, S, width]
        return steps.mean(1)


def recur(lstm: nn.LSTM, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Return what an LSTM without dropout of its own makes of steps `[B, S, C]`: at each, and at the last one.

    cuDNN keeps what a backward pass through an LSTM needs in training mode only; so gradients through a frozen model
    run its LSTM in that mode. Without dropout this changes no number.

    Shape: `[B, S, C]` -> `[B, S, directions * width]`, `[layers * directions, B, width]`.
    """
    mode = lstm.training
    lstm.training = mode or torch.is_grad_enabled()
    try:
        every, (last, _) = lstm(steps)
    finally:
        lstm.training = mode
    return every, last


def initialise(network: nn.Module) -> None:
    """Give convolutions and linear layers the paper's start, Kaiming-uniform weights and zero biases."""
    for part in network.modules():
        if isinstance(part, nn.Conv1d | nn.Linear):
            nn.init.kaiming_uniform_(part.weight)
            assert part.bias is not None  # noqa: S101
            nn.init.zeros_(part.bias)
