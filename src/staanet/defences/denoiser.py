"""The network of a purifier: it estimates what was added to a clip."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from staanet.core.errors import StaanetError
from staanet.core.registry import Registry
from staanet.core.waveforms import valid_samples

QUIETEST = 1e-10
"""Mean square below which a clip is not scaled up any further; it is far less than one step of 16-bit audio."""

SOFT = 30.0
"""Multiple of a sample, in units of the root mean square of its clip, whose asinh the network sees."""


@dataclass(frozen=True)
class DenoiserSettings:
    """Sizes of the network.

    Args:
        sample_rate: Sampling rate in Hz of the clips that it was trained on, and of those that it takes.
        width: Number of channels; 1 or more.
        kernel: Kernel size of every convolution, odd.
        dilations: Samples between two taps of the kernel in each block; one block or more. The defaults let a sample
            depend on 16 ms around it at 16 kHz.
    """

    sample_rate: int
    width: int = 12
    kernel: int = 9
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16)

    def __post_init__(self) -> None:
        """Validate the sizes."""
        sizes = (self.sample_rate, self.width, *self.dilations)
        if min(sizes) < 1 or not self.dilations or self.kernel < 1 or self.kernel % 2 == 0:
            raise StaanetError(
                "expected an odd kernel, one dilation or more, and a sample_rate, width and dilations of 1 or more, "
                f"got kernel {self.kernel}, dilations {list(self.dilations)}, sample_rate {self.sample_rate} and width "
                f"{self.width}"
            )


class Denoiser(nn.Module):
    """Residual blocks of one dilated, gated convolution each (A. van den Oord et al., arXiv 1609.03499).

    The network estimates what was added to a clip, and subtracts it. It sees the clip, scaled by its root mean square
    so that a louder clip gets the same result, louder; the clip on a scale on which soft and loud parts are alike
    (asinh); and, on this scale, the distance of each sample from the mean of its two neighbours, which is large at
    clicks. Its gradient exists everywhere. Before training, it returns the clip.

    >>> import torch
    >>> Denoiser(DenoiserSettings(16_000))(torch.ones(1, 100), torch.tensor([100])).shape
    torch.Size([1, 100])
    """

    name = "denoiser"
    Settings = DenoiserSettings

    def __init__(self, settings: DenoiserSettings) -> None:
        super().__init__()
        self.settings = settings
        width, kernel = settings.width, settings.kernel
        self.first, self.last = _convolution(3, width, kernel), _convolution(width, 1, kernel)
        self.blocks = nn.ModuleList(_convolution(width, 2 * width, kernel, step) for step in settings.dilations)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(cast(Tensor, self.last.bias))

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the clips `[B, T]` without what was added to them; each depends on its own samples only.

        Args:
            waveforms: Clips `[B, T]`, zero beyond their lengths.
            lengths: Valid samples of each clip, `[B]`.
        """
        inside = valid_samples(lengths, waveforms.shape[1])[:, None]
        loudness = (waveforms.square().sum(1, keepdim=True) / lengths[:, None] + QUIETEST).sqrt()
        scaled = (waveforms / loudness)[:, None]
        padded = functional.pad(scaled, (1, 1))
        from_neighbours = scaled - (padded[..., :-2] + padded[..., 2:]) / 2
        seen = [scaled, (SOFT * scaled).asinh(), (SOFT * from_neighbours).asinh()]
        x = functional.silu(_applied(self.first, torch.cat(seen, 1) * inside)) * inside  # [B, width, T]
        for block in self.blocks:
            x = x + functional.glu(_applied(cast(nn.Conv1d, block), x), 1) * inside
        return waveforms - loudness * (_applied(self.last, x) * inside)[:, 0]


def _convolution(c_in: int, c_out: int, kernel: int, dilation: int = 1) -> nn.Conv1d:
    return nn.Conv1d(c_in, c_out, kernel, padding=dilation * (kernel // 2), dilation=dilation)


def _applied(convolution: nn.Conv1d, x: Tensor) -> Tensor:
    """Return a convolution of features in the arithmetic and on the device of the features, whatever its own are."""
    weight, bias = convolution.weight.to(x), cast(Tensor, convolution.bias).to(x)
    return functional.conv1d(
        x, weight, bias, padding=cast(tuple[int], convolution.padding), dilation=convolution.dilation
    )


DENOISERS = Registry("denoiser", {Denoiser.name: Denoiser})
"""Networks of purifiers by name."""
