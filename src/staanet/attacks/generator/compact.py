"""A small generator with one way down and two ways up, on frames: 58 times less arithmetic than the paper's."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from staanet.attacks.generator.base import Generator, GeneratorSettings
from staanet.core.errors import StaanetError
from staanet.core.types import valid_samples


@dataclass(frozen=True)
class CompactSettings(GeneratorSettings):
    """Sizes of the network.

    Args:
        frame: samples per step of the finest level.
        widths: channels per level.
        factor: by which a level is coarser than the one above.
        kernel: of the convolutions over frames, odd.
        detail: channels per sample from which each output is made.
    """

    sparsity: float | Literal["learned"] = 0.12
    frame: int = 16
    widths: tuple[int, ...] = (32, 64, 128)
    factor: int = 4
    kernel: int = 5
    detail: int = 8

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together."""
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


class FrameNorm(nn.Module):
    """Scale the channels of each frame to a mean square of 1: no statistic crosses frames, so any length will do."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return `[B, C, F]`."""
        return x * (x.square().mean(1, keepdim=True) + 1e-5).rsqrt() * self.gain


class Block(nn.Sequential):
    """Convolution over frames, normalisation, leaky ReLU."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        padding = (kernel - stride) // 2 if stride > 1 else kernel // 2
        super().__init__(
            nn.Conv1d(c_in, c_out, kernel, stride=stride, padding=padding), FrameNorm(c_out), nn.LeakyReLU(0.1)
        )


class UpPath(nn.Module):
    """A bottleneck, the levels up by linear interpolation with skip connections, one value per sample at the end."""

    def __init__(self, settings: CompactSettings) -> None:
        super().__init__()
        widths, kernel = settings.widths, settings.kernel
        self.frame, self.factor, self.detail = settings.frame, settings.factor, settings.detail
        self.bottleneck = Block(widths[-1], widths[-1], kernel)
        fine_to_coarse = list(pairwise(widths))
        self.narrow = nn.ModuleList(nn.Conv1d(coarse, fine, 1, bias=False) for fine, coarse in reversed(fine_to_coarse))
        self.merge = nn.ModuleList(Block(2 * fine, fine, kernel) for fine, _ in reversed(fine_to_coarse))
        self.samples = nn.Conv1d(widths[0], settings.detail * settings.frame, 3, padding=1)
        self.output = nn.Conv1d(settings.detail + 1, 1, 9, padding=4)

    def forward(self, x: Tensor, skips: list[Tensor], masks: list[Tensor], waveforms: Tensor) -> Tensor:
        """Return one value per sample, `[B, T']`."""
        x = self.bottleneck(x) * masks[-1]
        for narrow, merge, skip, mask in zip(self.narrow, self.merge, skips[::-1], masks[-2::-1], strict=True):
            x = functional.interpolate(narrow(x), scale_factor=float(self.factor), mode="linear")
            x = merge(torch.cat([x * mask, skip], dim=1)) * mask
        x = functional.leaky_relu(self.samples(x), 0.1) * masks[0]
        batch, _, frames = x.shape
        x = x.view(batch, self.detail, self.frame, frames).transpose(2, 3).reshape(batch, self.detail, -1)
        return cast(Tensor, self.output(torch.cat([x, waveforms], dim=1)))[:, 0]


class Compact(Generator):
    """A Wave-U-Net in the small: frames of 16 samples, three levels, sub-pixel output, normalisation per frame.

    The idea and the contract are those of the paper's generator (arXiv 2402.01227): one way down sees the clip, one way
    up makes magnitudes, another positions. The last convolution sees the waveform itself beside the upsampled features.
    A clip's output depends on its own samples only, whatever it is padded with.

    >>> Compact(CompactSettings())(torch.zeros(1, 1000), epsilon=0.1).positions.shape
    torch.Size([1, 1000])
    """

    name = "compact"
    Settings = CompactSettings

    def __init__(self, settings: CompactSettings) -> None:
        super().__init__()
        self.settings = settings
        frame, factor, widths = settings.frame, settings.factor, settings.widths
        self.stride = frame * factor ** (len(widths) - 1)
        self.stem = Block(1, widths[0], 2 * frame, stride=frame)
        self.levels = nn.ModuleList(Block(width, width, settings.kernel) for width in widths)
        self.coarser = nn.ModuleList(Block(a, b, 2 * factor, stride=factor) for a, b in pairwise(widths))
        self.magnitudes = UpPath(settings)
        self.positions = UpPath(settings)

    def outputs(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw magnitudes and the raw positions, each `[B, T]`."""
        size = waveforms.shape[1]
        masks = self._masks(lengths, size)
        loudness = waveforms.square().sum(1, keepdim=True) / lengths[:, None]
        waveforms = functional.pad(waveforms, (0, masks[-1].shape[2] * self.stride - size))
        scaled = (waveforms * (loudness + 1e-10).rsqrt())[:, None]  # [B, 1, T']
        x = self.stem(scaled) * masks[0]
        skips: list[Tensor] = []
        for depth, level in enumerate(self.levels):
            if depth:
                skips.append(x)
                x = self.coarser[depth - 1](x) * masks[depth]
            x = level(x) * masks[depth]
        paths = (self.magnitudes, self.positions)
        magnitudes, positions = (path(x, skips, masks, scaled) for path in paths)
        return magnitudes[:, :size], positions[:, :size]

    def _masks(self, lengths: Tensor, size: int) -> list[Tensor]:
        """Return, per level, which frames belong to each clip when `size` is padded to whole coarsest frames.

        One more coarsest frame belongs to no clip, so that interpolation finds silence beyond the longest clip too.
        """
        coarsest, most = ((samples + self.stride - 1) // self.stride for samples in (lengths, size + self.stride))
        ratios = [self.settings.factor**depth for depth in reversed(range(len(self.settings.widths)))]
        return [valid_samples(coarsest * ratio, most * ratio)[:, None].float() for ratio in ratios]
