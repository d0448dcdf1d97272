"""A generator that holds a copy of its source and writes its changes with the source's transposed convolutions."""

import warnings
from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from staanet.attacks.generator.base import Given
from staanet.attacks.generator.conditional import ConditionalSettings, Guided, within_one
from staanet.core.errors import StaanetWarning
from staanet.core.waveforms import valid_samples

WIDTH = 128
"""Width of the LSTM layers between the features of the source and what is written, for each direction."""

CORRECTION = 64
"""Number of channels of the corrections between two transposed convolutions."""


class Layer(NamedTuple):
    """A convolution of the source with normalisation and pooling."""

    channels: int
    kernel: int
    pool: int


SOURCES: dict[str, tuple[tuple[Layer, ...], float | None]] = {
    "emo18": ((Layer(64, 8, 10), Layer(128, 6, 8), Layer(256, 6, 8)), 0.01),
    "zhao19": ((Layer(64, 3, 4), Layer(64, 3, 4), Layer(128, 3, 4), Layer(128, 3, 4)), None),
}
"""Convolutions of the models that can be copied, and the slope of their leaky ReLU, or None for ELU."""

MEMORY = 256
"""Width of the two LSTM layers of these models."""


@dataclass(frozen=True)
class DeconvolutionalSettings(ConditionalSettings):
    """Sizes of the network, whose own part is a quarter as wide as `conditional`.

    Args:
        source: Architecture of the source model, a copy of which the network holds if it is one.
    """

    widths: tuple[int, ...] = (16, 32, 64)
    detail: int = 4
    source: Literal["emo18", "zhao19"] = "emo18"


@runtime_checkable
class Copied(Protocol):
    """A source model that can be copied."""

    def folded_weights(self) -> dict[str, Tensor]:
        """Return the weights of its convolutions, which include the normalisation, and of its LSTM."""
        ...


class Level(NamedTuple):
    """What one convolution of the source made of a clip."""

    pooled: Tensor
    """Largest values before the activation, `[B, C, F]`."""
    places: Tensor
    """Where in its window each of them was, `[B, C, F]`."""
    features: Tensor
    """Values after the activation, `[B, C, F]`."""


class Deconvolution(nn.Module):
    """The source's convolutions and LSTM, a network that reads them, and the transposed convolutions that it drives.

    Pooling is undone by the places of the largest values, as in the deconvolutional network of M. D. Zeiler and
    R. Fergus, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901. If the network gave the gradient
    with respect to the features, the pattern would be the gradient with respect to the samples.

    Args:
        source: Architecture of the source model.
        directed: Whether the network is also given a direction of each clip.
    """

    def __init__(self, source: str, directed: bool) -> None:
        super().__init__()
        self.layers, self.slope = SOURCES[source]
        inputs = 1
        for depth, layer in enumerate(self.layers):
            weight = nn.init.kaiming_uniform_(torch.empty(layer.channels, inputs, layer.kernel))
            self.register_parameter(f"weight_{depth}", nn.Parameter(weight))
            self.register_parameter(f"bias_{depth}", nn.Parameter(torch.zeros(layer.channels)))
            inputs = layer.channels
        self.stride = prod(layer.pool for layer in self.layers)
        self.memory = nn.LSTM(inputs, MEMORY, num_layers=2, batch_first=True)
        self.readers = nn.ModuleList(BothWays(width, WIDTH) for width in ((1 + directed) * inputs + MEMORY, 2 * WIDTH))
        self.writer = nn.Linear(2 * WIDTH, inputs)
        self.corrections = nn.ModuleList(_correction(layer.channels) for layer in self.layers[:-1])

    def begin(self, weights: dict[str, Tensor] | None) -> None:
        """Take weights of the source, which training does not change, or let the network's own learn."""
        self.load_state_dict(self.state_dict() | (weights or {}))
        for name, weight in self.named_parameters():
            if name.startswith(("weight_", "bias_", "memory.")):
                weight.requires_grad_(weights is None)

    def forward(self, clips: Tensor, lengths: Tensor, directions: Tensor | None) -> Tensor:
        """Return patterns `[B, T]` with a mean square of 1 for clips and directions, `[B, T]`, zero beyond lengths."""
        size = clips.shape[1]
        steps = (lengths + self.stride - 1) // self.stride
        most = -(-size // self.stride)
        beyond = (0, most * self.stride - size)
        levels = self._read(functional.pad(clips, beyond)[:, None], steps, most)
        x = levels[-1].features.transpose(1, 2)
        x, begun = torch.cat([x, self.memory(x)[0]], 2), None
        if directions is not None:
            begun = self._moved(functional.pad(directions, beyond)[:, None], levels, steps, most)
            begun = _even(begun, steps * begun.shape[1])
            x = torch.cat([x, begun.transpose(1, 2)], 2)
        for reader in self.readers:
            x = reader(x, steps)
        written = self.writer(x).transpose(1, 2) * valid_samples(steps, most)[:, None]
        if begun is not None:
            written = written + begun
        pattern = self._written(written, levels, steps)[:, 0, :size]
        return _even(pattern * valid_samples(lengths, size), lengths)

    def _read(self, x: Tensor, steps: Tensor, most: int) -> list[Level]:
        """Return what each convolution makes of clips `[B, 1, T]`."""
        levels = []
        stride = self.stride
        for depth, layer in enumerate(self.layers):
            stride //= layer.pool
            left = (layer.kernel - 1) // 2
            x = functional.pad(x, (left, layer.kernel - 1 - left))
            x = functional.conv1d(x, self._weight(depth), self.get_parameter(f"bias_{depth}"))
            pooled, places = x.unflatten(2, (-1, layer.pool)).max(3)
            x = functional.elu(pooled) if self.slope is None else functional.leaky_relu(pooled, self.slope)
            x = x * valid_samples(steps * stride, most * stride)[:, None]
            levels.append(Level(pooled, places, x))
        return levels

    def _moved(self, x: Tensor, levels: list[Level], steps: Tensor, most: int) -> Tensor:
        """Return how a direction `[B, 1, T]` moves the features, to first order, `[B, C, F]`."""
        stride = self.stride
        for depth, (layer, level) in enumerate(zip(self.layers, levels, strict=True)):
            stride //= layer.pool
            left = (layer.kernel - 1) // 2
            x = functional.conv1d(functional.pad(x, (left, layer.kernel - 1 - left)), self._weight(depth))
            x = x.unflatten(2, (-1, layer.pool)).gather(3, level.places[..., None])[..., 0]
            x = x * self._slopes(level.pooled) * valid_samples(steps * stride, most * stride)[:, None]
        return x

    def _slopes(self, pooled: Tensor) -> Tensor:
        """Return the slope of the activation at each value."""
        falling = pooled.exp() if self.slope is None else torch.full_like(pooled, self.slope)
        return torch.where(pooled > 0, 1.0, falling)

    def _written(self, x: Tensor, levels: list[Level], steps: Tensor) -> Tensor:
        """Return what the transposed convolutions make of a pattern over features `[B, C, F]`, `[B, 1, T]`."""
        stride = 1
        for depth in reversed(range(len(levels))):
            layer, (pooled, places, _) = self.layers[depth], levels[depth]
            stride *= layer.pool
            x = x * self._slopes(pooled)
            x = x.new_zeros(*x.shape, layer.pool).scatter_(3, places[..., None], x[..., None]).flatten(2)
            size, left = x.shape[2], (layer.kernel - 1) // 2
            x = _transposed(x, self._weight(depth))[:, :, left : left + size]
            if depth:
                counts = steps * stride
                valid = valid_samples(counts, size)[:, None]
                x = _even(x * valid, counts * x.shape[1])
                seen = _even(levels[depth - 1].features, counts * x.shape[1])
                x = (x + self.corrections[depth - 1](torch.cat([x, seen], 1))) * valid
        return x

    def _weight(self, depth: int) -> Tensor:
        return self.get_parameter(f"weight_{depth}")


def _transposed(x: Tensor, weight: Tensor) -> Tensor:
    """Return the transposed convolution of x `[B, C, T]` with a weight `[C, c_in, K]`, `[B, c_in, T + K - 1]`."""
    if weight.shape[1] > 1:
        return functional.conv_transpose1d(x, weight)
    taps = (weight[:, 0].T @ x).unbind(1)  # one matrix product, which is faster for one channel
    last = len(taps) - 1
    return torch.stack([functional.pad(tap, (step, last - step)) for step, tap in enumerate(taps)]).sum(0)[:, None]


class BothWays(nn.Module):
    """An LSTM layer in each direction, `[B, S, C]` -> `[B, S, 2 width]`; steps beyond a clip change none of it."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(inputs, width, batch_first=True)
        self.backwards = nn.LSTM(inputs, width, batch_first=True)

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        """Return the outputs of both layers at each step, of which `steps` `[B]` belong to each clip."""
        order = steps[:, None] - 1 - torch.arange(x.shape[1], device=x.device)
        order = order.remainder(x.shape[1])[:, :, None]  # its own inverse
        ahead, behind = self.forwards(x)[0], self.backwards(x.take_along_dim(order, 1))[0]
        return torch.cat([ahead, behind.take_along_dim(order, 1)], 2)


def _correction(channels: int) -> nn.Sequential:
    """Return a network from a pattern and the features of the source to a change of the pattern, zero at first."""
    last = nn.Conv1d(CORRECTION, channels, 5, padding=2)
    nn.init.zeros_(last.weight)
    assert last.bias is not None  # noqa: S101
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Conv1d(2 * channels, CORRECTION, 5, padding=2), nn.LeakyReLU(0.1), last)


def _even(x: Tensor, counts: Tensor) -> Tensor:
    """Return tensors `[B, ...]` of `counts` values each, the rest of which are zero, with a mean square of 1."""
    squares = x.flatten(1).square().sum(1) / counts
    return x * (squares + 1e-10).rsqrt().view(-1, *[1] * (x.dim() - 1))


class Deconvolutional(Guided):
    """A generator that holds a copy of its source, whose transposed convolutions write a pattern that guides it.

    The generator of arXiv 2402.01227 learns from nothing how samples move the source's features; here it is given by
    the source's own convolutions, transposed. The network reads the features and the memory of the copy, and decides
    what to write with them. At a clip, it takes one forward pass of itself and no gradient. For a source that is no
    `emo18` or `zhao19`, the convolutions and the LSTM learn as well.

    >>> generator = Deconvolutional(DeconvolutionalSettings(frame=4, widths=(8, 16), detail=2)).eval()
    >>> int(generator(torch.rand(1, 1000), 0.1, counts=torch.tensor([7])).positions.sum())
    7
    """

    name = "deconvolutional"
    Settings = DeconvolutionalSettings
    default = True
    settings: DeconvolutionalSettings

    def __init__(self, settings: DeconvolutionalSettings) -> None:
        super().__init__(settings)
        self.deconvolution = Deconvolution(settings.source, self.uses_gradients)

    def begin(self, source: nn.Module) -> None:
        """Copy the convolutions and the LSTM of the source, or let those of the network learn.

        Warns:
            StaanetWarning: If nothing is copied.
        """
        found = getattr(source, "name", type(source).__name__)
        weights = source.folded_weights() if isinstance(source, Copied) and found == self.settings.source else None
        if weights is None:
            hint = f"; give it source = {found} (--size source={found})" if found in SOURCES else ""
            warnings.warn(
                f"{self.name}: expected {self.settings.source} as the source, whose convolutions it copies, got "
                f"{found}; those of the network learn from nothing{hint}",
                StaanetWarning,
                stacklevel=2,
            )
        self.deconvolution.begin(weights)

    def _guide(self, waveforms: Tensor, lengths: Tensor, given: Given) -> Tensor:
        """Return the pattern that the network writes, `[B, T]`."""
        size = waveforms.shape[1]
        clips = self._scaled(waveforms, lengths)[:, :size]
        directions = None
        if self.uses_gradients:
            assert given.gradients is not None  # noqa: S101
            directions = self._scaled(within_one(given.gradients, lengths), lengths)[:, :size]
        return cast(Tensor, self.deconvolution(clips, lengths, directions))


class GradientDeconvolutional(Deconvolutional):
    """A `deconvolutional` generator that also reads how a gradient of its source at the clean clip moves the features.

    The generator of arXiv 2402.01227 sees the clip only. The gradient is that of the source's margin with respect to
    the samples, which the attack `one_gradient` provides. The features that it moves are where the pattern begins.
    """

    name = "gradient_deconvolutional"
    default = False
    uses_gradients = True
