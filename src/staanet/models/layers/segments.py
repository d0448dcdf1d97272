"""The convolutions of the CNN-LSTM, on a CPU more than twice as fast as their layers one by one."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class SegmentConvolutions(nn.Sequential):
    """Three convolutions of each segment, flattened: `[B, 1, frames, bands]` -> `[B, 64 * pooled bands]`.

    As published each is followed by its activation, the first by batch normalisation too, and then by max-pooling. A
    ReLU is monotonic, so pooling before it gives the same numbers and leaves it a fraction of the work. A normalisation
    whose statistics are known before is monotonic as well, downwards where its weight is negative: then the least is
    pooled, as the largest of what a convolution with opposite weights gives. The channels of a cell lie side by side in
    memory.
    """

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.BatchNorm2d(16, eps=1e-3, momentum=0.01), nn.MaxPool2d(4, 2)),
            *(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2, 2)),
            *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2, 1)),
            nn.Flatten(),
        )

    def forward(self, segments: Tensor) -> Tensor:
        """Return `[B, 64 * pooled bands]`."""
        first, relu, norm, pool, second, _, pool_2, third, _, pool_3, flatten = self
        segments = segments.contiguous(memory_format=torch.channels_last)
        if self.training:
            x = pool(norm(relu(_convolved(segments, first))))
        else:
            x = _normalised_after(segments, cast(nn.Conv2d, first), cast(nn.BatchNorm2d, norm), pool)
        x = relu(pool_2(_convolved(x, second)))
        flat: Tensor = flatten(relu(pool_3(_convolved(x, third))))
        return flat


def _convolved(x: Tensor, layer: nn.Module) -> Tensor:
    convolution = cast(nn.Conv2d, layer)
    # with one channel `contiguous` would do nothing
    return functional.conv2d(x, convolution.weight.clone(memory_format=torch.channels_last), convolution.bias)


def _normalised_after(x: Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d, pool: nn.Module) -> Tensor:
    """Return what pooling gives of a convolution, ReLU and normalisation in eval mode."""
    running_mean, running_var = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    gain = norm.weight * (running_var + norm.eps).rsqrt()
    sign = torch.where(gain < 0, -1.0, 1.0).to(gain)[:, None, None]
    weight = (convolution.weight * sign[..., None]).clone(memory_format=torch.channels_last)
    pooled = pool(functional.conv2d(x, weight, cast(Tensor, convolution.bias) * sign[:, 0, 0])) * sign
    offset = norm.bias - running_mean * gain
    return functional.relu(pooled) * gain[:, None, None] + offset[:, None, None]
