"""Wave-U-Net with one encoder and two decoders: the generator of the STAA-Net paper."""

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from staanet.attacks.generator.base import (
    CERTAIN,
    DensePerturbation,
    Generator,
    GeneratorSettings,
    Given,
    check_no_sparsity,
)
from staanet.core.errors import StaanetError


@dataclass(frozen=True)
class WaveUNetSettings(GeneratorSettings):
    """Sizes of the network; the defaults are those of the paper's code.

    Args:
        channels: Number of channels of each level, the last one for the bottleneck: multiples of 8, each twice the
            previous one.
        kernel: Kernel size of every convolution, odd.
        factor: Downsampling factor between two levels, at least 2 and at most the kernel size.
        resampling: `learned` uses strided and transposed convolutions (the paper's code); `linear` uses decimation and
            linear interpolation (its text).
    """

    channels: tuple[int, ...] = (32, 64, 128, 256, 512, 1024)
    kernel: int = 5
    factor: int = 4
    resampling: Literal["learned", "linear"] = "learned"

    def __post_init__(self) -> None:
        """Validate the sizes."""
        super().__post_init__()
        doubled = all(2 * a == b for a, b in zip(self.channels, self.channels[1:], strict=False))
        if len(self.channels) < 2 or self.channels[0] % 8 or not doubled:
            raise StaanetError(
                f"expected two or more channels, a multiple of 8 and then doubling, got {list(self.channels)}"
            )
        if not 2 <= self.factor <= self.kernel or self.kernel % 2 == 0:
            raise StaanetError(
                f"expected a factor of 2 or more and an odd kernel at least as large, got {self.factor}, {self.kernel}"
            )


class ConvNormReLU(nn.Sequential):
    """Convolution without padding, group normalisation (8 channels per group), ReLU."""

    def __init__(self, convolution: nn.Module, channels: int) -> None:
        super().__init__(convolution, nn.GroupNorm(channels // 8, channels), nn.ReLU())


class Down(nn.Module):
    """Two convolutions followed by downsampling; the skip connection branches off after the first convolution."""

    def __init__(self, c_in: int, c: int, settings: WaveUNetSettings) -> None:
        super().__init__()
        kernel, factor = settings.kernel, settings.factor
        self.first = ConvNormReLU(nn.Conv1d(c_in, c, kernel), c)
        self.second = ConvNormReLU(nn.Conv1d(c, 2 * c, kernel), 2 * c)
        self.coarser: nn.Module = (
            ConvNormReLU(nn.Conv1d(2 * c, 2 * c, kernel, stride=factor), 2 * c)
            if settings.resampling == "learned"
            else Decimate(kernel, factor)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the skip connection and the input of the next coarser level."""
        skip = self.first(x)
        return skip, self.coarser(self.second(skip))


class Decimate(nn.Module):
    """Keeps every `factor`-th sample, aligned with the centres of a strided convolution with that kernel."""

    def __init__(self, kernel: int, factor: int) -> None:
        super().__init__()
        self.margin, self.factor = kernel // 2, factor

    def forward(self, x: Tensor) -> Tensor:
        """Return the features at the coarser level, `[B, C, T]`."""
        return x[..., self.margin : x.shape[-1] - self.margin : self.factor]


class Interpolate(nn.Module):
    """Linear interpolation to the same length as that of a transposed convolution."""

    def __init__(self, kernel: int, factor: int) -> None:
        super().__init__()
        self.margin, self.factor = kernel // 2, factor

    def forward(self, x: Tensor) -> Tensor:
        """Return the features at the finer level without a margin at both ends, `[B, C, T]`."""
        size = (x.shape[-1] - 1) * self.factor + 1
        fine = functional.interpolate(x, size=size, mode="linear", align_corners=True)
        return fine[..., self.margin : size - self.margin]


class Up(nn.Module):
    """Upsampling, a convolution, concatenation with the skip connection, and a second convolution."""

    def __init__(self, c: int, settings: WaveUNetSettings) -> None:
        super().__init__()
        kernel, factor = settings.kernel, settings.factor
        self.finer: nn.Module = (
            ConvNormReLU(nn.ConvTranspose1d(c, c, kernel, stride=factor, padding=kernel - 1), c)
            if settings.resampling == "learned"
            else Interpolate(kernel, factor)
        )
        self.first = ConvNormReLU(nn.Conv1d(c, c // 2, kernel), c // 2)
        self.second = ConvNormReLU(nn.Conv1d(c, c // 2, kernel), c // 2)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return the features of the finer level."""
        x = self.first(self.finer(x))
        margin = (skip.shape[-1] - x.shape[-1]) // 2
        return cast(Tensor, self.second(torch.cat([x, skip[..., margin : margin + x.shape[-1]]], dim=1)))


class Decoder(nn.Module):
    """Bottleneck convolution, upsampling levels and output convolution."""

    def __init__(self, settings: WaveUNetSettings) -> None:
        super().__init__()
        *levels, bottom = settings.channels
        self.bottleneck = ConvNormReLU(nn.Conv1d(bottom, bottom, settings.kernel), bottom)
        self.levels = nn.ModuleList(Up(2 * c, settings) for c in reversed(levels))
        self.output = nn.Conv1d(levels[0], 1, 1)

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        """Return one value per sample, `[B, T']`."""
        x = self.bottleneck(x)
        for level, skip in zip(self.levels, reversed(skips), strict=True):
            x = level(x, skip)
        return cast(Tensor, self.output(x))[:, 0]


class WaveUNet(Generator):
    """The generator of arXiv 2402.01227, figure 2, with the sizes of the authors' code: 50 681 858 parameters.

    As in the authors' code, no convolution is padded. The input is mirrored at both ends until the output covers the
    clip, and the end of the output is cut off. Group normalisation averages over time, so clips of different lengths
    are processed one length at a time.

    >>> sum(parameter.numel() for parameter in WaveUNet(WaveUNetSettings()).parameters())
    50681858
    """

    name = "wave_unet"
    Settings = WaveUNetSettings

    def __init__(self, settings: WaveUNetSettings) -> None:
        super().__init__()
        self.settings = settings
        *levels, _ = settings.channels
        self.stride = settings.factor ** len(levels)
        self.down = nn.ModuleList(Down(1 if i == 0 else c, c, settings) for i, c in enumerate(levels))
        self.magnitudes = Decoder(settings)
        self.positions = Decoder(settings)

    def sizes(self, length: int) -> tuple[int, int]:
        """Return the sizes in samples of the mirrored input and of the output for clips of a length.

        >>> WaveUNet(WaveUNetSettings(channels=(8, 16, 32, 64, 128, 256))).sizes(96_000)
        (108541, 96261)
        """
        kernel, factor = self.settings.kernel, self.settings.factor
        lost = kernel - 1
        margin = (factor - kernel + 4 * lost) * (self.stride - 1) // (factor - 1)
        bottom = (length + margin + self.stride - 1) // self.stride
        size = bottom + lost
        for _ in self.down:
            size = (size - 1) * factor + kernel + 2 * lost
        return size, bottom * self.stride - margin

    def outputs(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw magnitudes and positions of padded clips, each `[B, T]`."""
        raw = waveforms.new_zeros(2, *waveforms.shape)
        for length in lengths.unique().tolist():
            rows = (lengths == length).nonzero()[:, 0]
            raw[:, rows, :length] = torch.stack(self.outputs_of_one_length(waveforms[rows, :length]))
        return raw[0], raw[1]

    def unpadded_outputs(self, waveforms: Tensor, _: Given) -> tuple[Tensor, Tensor]:
        """Return the raw magnitudes and positions of clips without padding, each `[B, T]`."""
        return self.outputs_of_one_length(waveforms)

    def outputs_of_one_length(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw magnitudes and positions of clips without padding, each `[B, T]`."""
        x, skips = self._encode(waveforms)
        magnitudes, positions = (path(x, skips)[:, : waveforms.shape[1]] for path in (self.magnitudes, self.positions))
        return magnitudes, positions

    def _encode(self, waveforms: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the coarsest level and the skip connections of clips without padding, `[B, T]`."""
        length = waveforms.shape[1]
        input_size, output_size = self.sizes(length)
        x = mirror(waveforms, input_size, (input_size - output_size) // 2)[:, None]  # [B, 1, T']
        skips = []
        for level in self.down:
            skip, x = level(x)
            skips.append(skip)
        return x, skips


class WaveUNetMagnitudes(WaveUNet):
    """WaveUNet without the decoder for positions, so that every sample changes: the paper's ablation of factorisation.

    Source: arXiv 2402.01227, section 5.3. The sparsity loss is then that of the magnitudes. If a budget allows only
    some of the samples, those with the largest magnitudes change.

    Raises:
        StaanetError: The settings have a sparsity, which this network cannot follow.
    """

    name = "wave_unet_magnitudes"
    Output = DensePerturbation

    def __init__(self, settings: WaveUNetSettings) -> None:
        check_no_sparsity(self.name, settings)
        super().__init__(settings)
        del self.positions

    def outputs_of_one_length(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw magnitudes and positions of clips without padding, each `[B, T]`."""
        magnitudes = self.magnitudes(*self._encode(waveforms))[:, : waveforms.shape[1]]
        return magnitudes, CERTAIN + magnitudes.detach().abs()


def mirror(waveforms: Tensor, size: int, before: int) -> Tensor:
    """Return waveforms `[B, T]` mirrored at both ends to `[B, size]`, with `before` samples in front.

    A clip that is too short is mirrored repeatedly.

    >>> mirror(torch.tensor([[1, 2, 3]]), 9, 3)
    tensor([[2, 3, 2, 1, 2, 3, 2, 1, 2]])
    """
    length = waveforms.shape[1]
    steps = torch.arange(size, device=waveforms.device) - before
    period = torch.full_like(steps, 2 * (length - 1)).clamp_min(1)
    return waveforms[:, length - 1 - (length - 1 - steps % period).abs()]
