"""The convolutions of the CNN-LSTM, fused to run more than twice as fast on a CPU as layer by layer."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class SegmentConvolutions(nn.Sequential):
    """Three convolutions of each segment, flattened: `[B, 1, frames, bands]` -> `[B, 64 * pooled bands]`.

    In the published network each convolution is followed by a ReLU and max-pooling, the first one by batch
    normalisation as well. A ReLU is monotonic, so pooling before it gives the same numbers with a fraction of the work.
    Batch normalisation in eval mode is monotonic too, but decreasing where its weight is negative; there the minimum is
    pooled, as the maximum of a convolution with negated weights. Tensors are in channels-last memory format.
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
    # With one channel, `contiguous` would return the weight unchanged.
    return functional.conv2d(x, convolution.weight.clone(memory_format=torch.channels_last), convolution.bias)


def _normalised_after(x: Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d, pool: nn.Module) -> Tensor:
    """Return the pooled output of a convolution, ReLU and batch normalisation in eval mode."""
    running_mean, running_var = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    gain = norm.weight * (running_var + norm.eps).rsqrt()
    sign = torch.where(gain < 0, -1.0, 1.0).to(gain)[:, None, None]
    weight = (convolution.weight * sign[..., None]).clone(memory_format=torch.channels_last)
    pooled = pool(functional.conv2d(x, weight, cast(Tensor, convolution.bias) * sign[:, 0, 0])) * sign
    offset = norm.bias - running_mean * gain
    return functional.relu(pooled) * gain[:, None, None] + offset[:, None, None]
