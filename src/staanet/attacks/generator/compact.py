"""A small generator with one encoder and two decoders on frames, with 1/52 of the operations of the paper's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from staanet.attacks.generator.base import (
    CERTAIN,
    DensePerturbation,
    Generator,
    GeneratorSettings,
    check_no_sparsity,
)
from staanet.core.errors import StaanetError
from staanet.core.waveforms import valid_samples


@dataclass(frozen=True)
class CompactSettings(GeneratorSettings):
    """Sizes of the network.

    Args:
        sparsity: Share of the samples of a clip with position 1, or `learned` (see `GeneratorSettings`).
        frame: Number of samples per step of the finest level, even.
        widths: Number of channels of each level, at least two levels.
        factor: Downsampling factor between two levels, even.
        kernel: Kernel size of the convolutions over frames, odd.
        detail: Number of channels per sample from which each output is computed.
    """

    sparsity: float | Literal["learned"] = 0.12
    frame: int = 16
    widths: tuple[int, ...] = (32, 64, 128)
    factor: int = 4
    kernel: int = 5
    detail: int = 8

    def __post_init__(self) -> None:
        """Validate the sizes."""
        super().__post_init__()
        if self.frame < 2 or self.frame % 2 or self.kernel % 2 == 0 or len(self.widths) < 2:
            raise StaanetError(
                "expected an even frame, an odd kernel and two or more widths, "
                f"got {self.frame}, {self.kernel}, {list(self.widths)}"
            )
        if self.factor < 2 or self.factor % 2 or min(*self.widths, self.detail, self.kernel) < 1:
            raise StaanetError(
                f"expected an even factor of 2 or more and sizes of 1 or more, got factor {self.factor}, "
                f"widths {list(self.widths)}, detail {self.detail}, kernel {self.kernel}"
            )


def over_frames(x: Tensor, convolution: nn.Conv1d) -> Tensor:
    """Return a convolution over frames, `[B, c_in, 1, F]` -> `[B, c_out, 1, F']`.

    The channels of a frame are contiguous in memory (channels last), which makes normalisation and upsampling faster
    and lets the outputs be read as one row of samples.
    """
    stride, padding = convolution.stride[0], cast(tuple[int], convolution.padding)[0]
    return functional.conv2d(x, convolution.weight[:, :, None], convolution.bias, (1, stride), (0, padding))


class FrameNorm(nn.Module):
    """Scales the channels of each frame to a mean square of 1; without statistics over frames, any length works."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x: Tensor, mask: Tensor, factor: Tensor | None = None) -> Tensor:
        """Return normalised features `[B, C, 1, F]`, zero where the mask `[B, 1, 1, F]` is zero.

        The gains are multiplied by a factor `[B, C, 1, 1]` if one is given.
        """
        scale = (x.square().mean(1, keepdim=True) + 1e-5).rsqrt() * mask
        gain = self.gain[:, :, None]
        return x * scale * (gain if factor is None else gain * factor)


class Block(nn.ModuleList):
    """Convolution over frames, normalisation, leaky ReLU."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        padding = (kernel - stride) // 2 if stride > 1 else kernel // 2
        super().__init__(
            [nn.Conv1d(c_in, c_out, kernel, stride=stride, padding=padding), FrameNorm(c_out), nn.LeakyReLU(0.1)]
        )

    def forward(self, x: Tensor, mask: Tensor, factor: Tensor | None = None) -> Tensor:
        """Return features `[B, c_out, 1, F']`, zero where the mask `[B, 1, 1, F']` is zero."""
        convolution, norm, activation = self
        return cast(Tensor, activation(norm(over_frames(x, cast(nn.Conv1d, convolution)), mask, factor)))


class Stem(Block):
    """A block from samples to frames, whose receptive field is two frames, centred on the frame."""

    def __init__(self, width: int, frame: int) -> None:
        super().__init__(1, width, 2 * frame, stride=frame)

    def forward(self, x: Tensor, mask: Tensor, factor: Tensor | None = None) -> Tensor:
        """Return features `[B, c_out, 1, F]` of waveforms `[B, T]`."""
        convolution, norm, activation = cast(tuple[nn.Conv1d, nn.Module, nn.Module], tuple(self))
        frame = convolution.stride[0]
        halves = in_frames(functional.pad(x, (frame // 2, frame // 2)), frame)  # [B, frame, 1, F + 1]
        weight = convolution.weight.view(-1, 2, 1, frame).transpose(1, 3).contiguous()  # [c_out, frame, 1, 2]
        return cast(Tensor, activation(norm(functional.conv2d(halves, weight, convolution.bias), mask, factor)))


def in_frames(waveforms: Tensor, frame: int) -> Tensor:
    """Return waveforms `[B, T]` as frames whose channels are their samples, `[B, frame, 1, T / frame]`."""
    return cast(Tensor, waveforms.unflatten(1, (-1, frame))).transpose(1, 2)[:, :, None]


class Decoder(nn.Module):
    """Bottleneck, upsampling levels with linear interpolation and skip connections, and one output per sample.

    Args:
        settings: Sizes of the network.
        inputs: Number of signals that the last convolution takes beside the features.
    """

    def __init__(self, settings: CompactSettings, inputs: int) -> None:
        super().__init__()
        widths, kernel = settings.widths, settings.kernel
        self.factor = settings.factor
        self.bottleneck = Block(widths[-1], widths[-1], kernel)
        fine_to_coarse = list(pairwise(widths))
        self.narrow = nn.ModuleList(nn.Conv1d(coarse, fine, 1, bias=False) for fine, coarse in reversed(fine_to_coarse))
        self.merge = nn.ModuleList(Block(2 * fine, fine, kernel) for fine, _ in reversed(fine_to_coarse))
        self.samples = nn.Conv1d(widths[0], settings.detail * settings.frame, 3, padding=1)
        self.inputs = inputs
        self.output = nn.Conv1d(settings.detail + inputs, 1, 9, padding=4)
        self.taps: Tensor
        self.register_buffer("taps", taps(settings.frame, 9), persistent=False)

    def forward(
        self,
        x: Tensor,
        skips: list[Tensor],
        masks: list[Tensor],
        frames: Tensor,
        factors: Sequence[Tensor | None] | None = None,
    ) -> Tensor:
        """Return one value per sample, `[B, T']`.

        Args:
            x: Features of the coarsest level, `[B, C, 1, F]`.
            skips: Features of the finer levels, from the finest.
            masks: Masks of all levels, from the finest.
            frames: The signals beside the features as frames, `[B, inputs * frame, 1, F]`.
            factors: Factors of the gains of the blocks, from the coarsest. Default: 1.
        """
        first, *others = factors or [None] * (len(skips) + 1)
        x = self.bottleneck(x, masks[-1], first)
        levels = zip(self.narrow, self.merge, skips[::-1], masks[-2::-1], others, strict=True)
        for narrow, merge, skip, mask, factor in levels:
            x = over_frames(x, cast(nn.Conv1d, narrow))
            x = functional.interpolate(x, scale_factor=(1.0, float(self.factor)), mode="bilinear")
            x = merge(torch.cat([x * mask, skip], dim=1), mask, factor)
        x = functional.leaky_relu(over_frames(x, self.samples).mul_(masks[0]), 0.1, inplace=True)
        weight = functional.pad(self.output.weight[0], (0, 1))[:, self.taps]  # [detail + inputs, frame, frame, K]
        padding = (0, weight.shape[3] // 2)
        detail = weight[: -self.inputs].transpose(0, 1).flatten(1, 2)[:, :, None]  # [frame, detail * frame, 1, K]
        signals = weight[-self.inputs :].transpose(0, 1).flatten(1, 2)[:, :, None]  # [frame, inputs * frame, 1, K]
        values = functional.conv2d(x, detail, cast(Tensor, self.output.bias).expand(len(detail)), padding=padding)
        values = values + functional.conv2d(frames, signals, padding=padding)  # [B, frame, 1, F]
        return values.squeeze(2).transpose(1, 2).flatten(1)


def taps(frame: int, kernel: int) -> Tensor:
    """Return which tap of a kernel over samples connects sample i of a frame with sample j of a frame s frames later.

    These indices turn a convolution over samples into one over frames. The index `kernel` marks pairs without a tap,
    whose weight is 0.

    Shape: -> `[frame, frame, K]`, over i, j and all offsets s within reach of the kernel.

    >>> taps(2, 3)[0]
    tensor([[3, 1, 3],
            [0, 2, 3]])
    """
    reach = -(-(kernel // 2) // frame)
    out, into = torch.arange(frame)[:, None, None], torch.arange(frame)[None, :, None]
    tap = torch.arange(-reach, reach + 1) * frame + into - out + kernel // 2
    return torch.where((tap >= 0) & (tap < kernel), tap, kernel)


class Compact(Generator):
    """A small Wave-U-Net: frames of 16 samples, three levels, sub-pixel output, normalisation per frame.

    The idea and the contract are those of the paper's generator (arXiv 2402.01227): one encoder processes the clip, one
    decoder computes magnitudes and another one positions. The last convolution also takes the waveform itself as input.
    The output for a clip depends on its own samples only, not on its padding.

    >>> Compact(CompactSettings())(torch.zeros(1, 1000), epsilon=0.1).positions.shape
    torch.Size([1, 1000])
    """

    name = "compact"
    Settings = CompactSettings
    inputs: ClassVar[int] = 1
    """Number of signals that the network sees."""

    def __init__(self, settings: CompactSettings) -> None:
        super().__init__()
        self.settings = settings
        frame, factor, widths = settings.frame, settings.factor, settings.widths
        self.stride = frame * factor ** (len(widths) - 1)
        self.stem = Stem(widths[0], frame)
        self.levels = nn.ModuleList(Block(width, width, settings.kernel) for width in widths)
        self.coarser = nn.ModuleList(Block(a, b, 2 * factor, stride=factor) for a, b in pairwise(widths))
        self.magnitudes = Decoder(settings, self.inputs)
        self.positions = Decoder(settings, self.inputs)

    def outputs(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw magnitudes and positions of padded clips, each `[B, T]`."""
        scaled, masks = self._scaled(waveforms, lengths), self._masks(lengths, waveforms.shape[1])
        x, skips = self._encoded(self.stem(scaled, masks[0]), masks)
        frames = in_frames(scaled, self.settings.frame)
        magnitudes, positions = (path(x, skips, masks, frames) for path in (self.magnitudes, self.positions))
        return magnitudes[:, : waveforms.shape[1]], positions[:, : waveforms.shape[1]]

    def _padded(self, signals: Tensor) -> Tensor:
        """Return signals `[B, T]` with zeros up to whole coarsest frames and one more, `[B, T']`."""
        size = signals.shape[1]
        return functional.pad(signals, (0, (size + 2 * self.stride - 1) // self.stride * self.stride - size))

    def _scaled(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return clips `[B, T]` with a mean square of 1, padded with zeros, `[B, T']`."""
        loudness = waveforms.square().sum(1, keepdim=True) / lengths[:, None]
        floor = torch.full_like(loudness, 1e-10)  # a tensor, because the ONNX exporter drops so small a number
        return self._padded(waveforms) * (loudness + floor).rsqrt()

    def _encoded(self, x: Tensor, masks: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return the features of the coarsest level and those of all others, from those of the stem."""
        skips: list[Tensor] = []
        for depth, level in enumerate(self.levels):
            if depth:
                skips.append(x)
                x = self.coarser[depth - 1](x, masks[depth])
            x = level(x, masks[depth])
        return x, skips

    def _masks(self, lengths: Tensor, size: int) -> list[Tensor]:
        """Return masks, one per level, of the frames that belong to each clip, with `size` padded to coarsest frames.

        One additional coarsest frame belongs to no clip, so that interpolation finds zeros after the longest clip too.

        Shape: -> `[B, 1, 1, F]` for each level.
        """
        coarsest, most = ((samples + self.stride - 1) // self.stride for samples in (lengths, size + self.stride))
        ratios = [self.settings.factor**depth for depth in reversed(range(len(self.settings.widths)))]
        return [valid_samples(coarsest * ratio, most * ratio)[:, None, None].float() for ratio in ratios]


@dataclass(frozen=True)
class CompactMagnitudesSettings(CompactSettings):
    """Sizes of the network, which follows no sparsity."""

    sparsity: float | Literal["learned"] = "learned"


class CompactMagnitudes(Compact):
    """Compact without the decoder for positions, so that every sample changes: the paper's ablation of factorisation.

    Source: arXiv 2402.01227, section 5.3. If a budget allows only some of the samples, those with the largest
    magnitudes change.

    Raises:
        StaanetError: The settings have a sparsity, which this network cannot follow.
    """

    name = "compact_magnitudes"
    Settings = CompactMagnitudesSettings
    Output = DensePerturbation

    def __init__(self, settings: CompactMagnitudesSettings) -> None:
        check_no_sparsity(self.name, settings)
        super().__init__(settings)
        del self.positions

    def outputs(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw magnitudes and positions of padded clips, each `[B, T]`."""
        scaled, masks = self._scaled(waveforms, lengths), self._masks(lengths, waveforms.shape[1])
        x, skips = self._encoded(self.stem(scaled, masks[0]), masks)
        magnitudes = self.magnitudes(x, skips, masks, in_frames(scaled, self.settings.frame))
        magnitudes = magnitudes[:, : waveforms.shape[1]]
        return magnitudes, CERTAIN + magnitudes.detach().abs()
