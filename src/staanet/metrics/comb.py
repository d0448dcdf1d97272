"""How much of the positions is only a comb: explained by the sample index, whatever the clip says."""

import torch
from torch import Tensor

from staanet.core.waveforms import valid_samples


def comb_share(positions: Tensor, lengths: Tensor, stride: int) -> Tensor:
    """Return the share of the variance of 0-1 positions that the sample index modulo `stride` explains, per clip.

    1 is a fixed comb; positions that follow only the signal come to about (stride - 1) / (length - 1), the value for
    positions drawn at random. NaN where all positions are alike.

    Shape: positions `[B, T]`, lengths `[B]` -> `[B]`.

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
