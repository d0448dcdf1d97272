"""What a victim is: a network that classifies waveforms as they lie in their files."""

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from staanet.audio.lengths import fit_length, standardise
from staanet.core.errors import StaanetError

V = TypeVar("V", bound="Victim")


@dataclass(frozen=True)
class VictimSettings:
    """What a victim is built from.

    Args:
        labels: the emotions, in the order of the logits.
        seconds: the length it is trained on; every clip is repeated or cut to it.
        sample_rate: of its input, in Hz.
    """

    labels: tuple[str, ...]
    seconds: float = 3.0
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        """Refuse what no classifier can be built from."""
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise StaanetError(f"expected two or more different labels, got {list(self.labels)}")
        if not 1 <= self.seconds * self.sample_rate < float("inf"):
            raise StaanetError(f"expected a trained length of a sample or more, got {self.seconds} s")


class Victim(nn.Module, abc.ABC):
    """A classifier of waveforms that owns its preprocessing.

    Inside `forward` each clip is repeated or cut to the trained length and standardised, so that an attack acts on the
    samples of the file itself, and its gradient comes back to them. A subclass writes `classify`.

    Shape: waveforms `[B, T]` in [-1, 1] and lengths `[B]` (all of T where left out) -> logits `[B, K]`.
    """

    name: ClassVar[str]
    pooling_stride: ClassVar[int]
    """Samples per step of the recurrent head: the product of the pooling strides."""
    Settings = VictimSettings

    def __init__(self, settings: VictimSettings) -> None:
        super().__init__()
        self.settings = settings
        self.labels = settings.labels
        self.sample_rate = settings.sample_rate
        self.trained_length = round(settings.seconds * settings.sample_rate)
        if self.trained_length < self.pooling_stride:
            raise StaanetError(
                f"expected a trained length of {self.pooling_stride} samples or more for {self.name}, "
                f"got {self.trained_length}; raise seconds"
            )

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`."""
        if lengths is None:
            lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        return self.classify(standardise(fit_length(waveforms, lengths, self.trained_length)))

    @abc.abstractmethod
    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""


class ConvBlock(nn.Sequential):
    """Convolution, batch normalisation, max-pooling, activation: `[B, c_in, T]` -> `[B, c_out, T // pool]`.

    The papers put the pooling last. Both activations used here are monotonic, so pooling first gives the same numbers
    and leaves the activation a fraction of the work.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, pool: int, activation: Callable[[], nn.Module]) -> None:
        super().__init__(
            nn.Conv1d(c_in, c_out, kernel, padding=(kernel - 1) // 2),
            nn.BatchNorm1d(c_out),
            nn.MaxPool1d(pool),
            activation(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return `[B, c_out, T // pool]`; in eval mode the normalisation is folded into the convolution's weights."""
        convolution, norm, pool, activation = cast(tuple[nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.Module], self)
        features = norm(convolution(x)) if self.training else self._folded(x, convolution, norm)
        return cast(Tensor, activation(pool(features)))

    @staticmethod
    def _folded(x: Tensor, convolution: nn.Conv1d, norm: nn.BatchNorm1d) -> Tensor:
        assert norm.running_mean is not None  # noqa: S101
        assert norm.running_var is not None  # noqa: S101
        assert convolution.bias is not None  # noqa: S101
        gain = norm.weight * (norm.running_var + norm.eps).rsqrt()
        bias = (convolution.bias - norm.running_mean) * gain + norm.bias
        return functional.conv1d(x, convolution.weight * gain[:, None, None], bias, padding=convolution.padding)


class RecurrentHead(nn.Module):
    """Two LSTM layers, a linear layer at each step, the mean over time: features `[B, C, S]` -> logits `[B, K]`.

    cuDNN keeps what a backward pass through an LSTM needs in training mode only; so gradients through a frozen victim
    run its LSTM in that mode. It has no dropout, so this changes no number.
    """

    def __init__(self, features: int, classes: int, width: int = 256) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, width, num_layers=2, batch_first=True)
        self.linear = nn.Linear(width, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits `[B, K]`."""
        mode = self.lstm.training
        self.lstm.training = mode or torch.is_grad_enabled()
        try:
            steps, _ = self.lstm(features.transpose(1, 2))  # [B, S, width]
        finally:
            self.lstm.training = mode
        logits: Tensor = self.linear(steps.mean(1))
        return logits


def initialise(network: V) -> V:
    """Give convolutions and linear layers the paper's start, Kaiming-uniform weights and zero biases."""
    for part in network.modules():
        if isinstance(part, nn.Conv1d | nn.Linear):
            nn.init.kaiming_uniform_(part.weight)
            assert part.bias is not None  # noqa: S101
            nn.init.zeros_(part.bias)
    return network
