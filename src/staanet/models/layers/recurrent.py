"""The network shared by Emo18 and Zhao19: convolutions on the raw waveform followed by an LSTM."""

from typing import cast

import torch
from torch import Tensor, nn

from staanet.models.base import Model, ModelSettings
from staanet.models.layers.convolution import ConvBlock


class Recurrent(Model):
    """Base class of models with convolutions and two LSTM layers on the raw waveform.

    Args:
        settings: Settings of the model.
        blocks: Convolution blocks, first to last.
    """

    def __init__(self, settings: ModelSettings, *blocks: ConvBlock) -> None:
        super().__init__(settings)
        self.features = nn.Sequential(*blocks)
        convolution = blocks[-1][0]
        assert isinstance(convolution, nn.Conv1d)  # noqa: S101
        self.head = RecurrentHead(convolution.out_channels, settings.output_count)
        initialise(self)

    @torch.no_grad()
    def folded_weights(self) -> dict[str, Tensor]:
        """Return the weights of the convolutions, with the normalisation of eval mode folded in, and of the LSTM.

        Their names are `weight_0`, `bias_0` and so on, and `memory.` before those of the LSTM.
        """
        weights = {f"memory.{name}": value for name, value in self.head.lstm.state_dict().items()}
        for depth, block in enumerate(self.features):
            weights[f"weight_{depth}"], weights[f"bias_{depth}"] = cast(ConvBlock, block).folded()
        return weights

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""
        logits: Tensor = self.head(self.features(waveforms[:, None]))
        return logits

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the representations `[B, 256]` of standardised waveforms `[B, trained_length]`."""
        representations: Tensor = self.head.pooled(self.features(waveforms[:, None]))
        return representations


class RecurrentHead(nn.Module):
    """Two LSTM layers, a linear layer at each step, and the mean over time: features `[B, C, S]` -> logits `[B, K]`."""

    def __init__(self, features: int, classes: int, width: int = 256) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, width, num_layers=2, batch_first=True)
        self.linear = nn.Linear(width, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits `[B, K]`."""
        logits: Tensor = self.linear(self.pooled(features))
        return logits

    def pooled(self, features: Tensor) -> Tensor:
        """Return the mean LSTM output over time, `[B, width]`.

        The linear layer is the same at each step, so averaging before it gives the same logits as averaging after it.
        """
        steps, _ = recur(self.lstm, features.transpose(1, 2))  # [B, S, width]
        return steps.mean(1)


def recur(lstm: nn.LSTM, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the outputs of an LSTM at each step and its last hidden states.

    cuDNN stores what the backward pass of an LSTM needs in training mode only. So whenever gradients are enabled, the
    LSTM runs in training mode, even in a frozen model. This changes no number, provided that the LSTM has no dropout.

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
    """Initialise convolutions and linear layers as the paper does: Kaiming-uniform weights and zero biases."""
    for part in network.modules():
        if isinstance(part, nn.Conv1d | nn.Linear):
            nn.init.kaiming_uniform_(part.weight)
            assert part.bias is not None  # noqa: S101
            nn.init.zeros_(part.bias)
