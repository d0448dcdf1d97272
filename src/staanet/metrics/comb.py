"""The comb share: how far the positions of a perturbation depend on the sample index alone, not on the clip."""

import torch
from torch import Tensor

from staanet.core.waveforms import valid_samples


def comb_share(positions: Tensor, lengths: Tensor, stride: int) -> Tensor:
    """Return the share of the variance of each clip's positions that the sample index modulo `stride` explains, `[B]`.

    The value is 1 for a fixed comb and about (stride - 1) / (length - 1) for positions that are random or follow only
    the signal. It is NaN for a clip in which all positions have the same value.

    Args:
        positions: 1 at samples that the perturbation changes and 0 elsewhere, `[B, T]`.
        lengths: Number of valid samples of each clip, `[B]`.
        stride: Period of the comb in samples.

    >>> comb = torch.tensor([[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]])
    >>> comb_share(comb, torch.tensor([6]), stride=3)
    tensor([1.], dtype=torch.float64)
    """
    valid = valid_samples(lengths, positions.shape[1]).double()
    marked = positions.double() * valid
    phase = (torch.arange(positions.shape[1], device=positions.device) % stride).expand(len(positions), -1)
    empty = marked.new_zeros(len(positions), stride)
    members = empty.scatter_add(1, phase, valid)
    means = empty.scatter_add(1, phase, marked) / members.clamp_min(1)
    mean = marked.sum(1, keepdim=True) / lengths[:, None]
    between = (members * (means - mean).square()).sum(1)
    return between / (valid * (marked - mean).square()).sum(1)
