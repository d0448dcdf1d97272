"""Bringing clips to one length, the way the paper does: repeat what is short, cut what is long."""

import torch
from torch import Tensor


def fit_length(waveforms: Tensor, lengths: Tensor, size: int) -> Tensor:
    """Return every clip repeated or cut to `size` samples; gradients flow back to the samples that were repeated.

    Shape: waveforms `[B, T]`, lengths `[B]` -> `[B, size]`.

    >>> fit_length(torch.tensor([[1.0, 2.0, 0.0]]), torch.tensor([2]), 5)
    tensor([[1., 2., 1., 2., 1.]])
    """
    if int(lengths.min()) >= size:
        return waveforms[:, :size]
    index = torch.arange(size, device=waveforms.device) % lengths[:, None]  # [B, size]
    return waveforms.gather(1, index)


def standardise(waveforms: Tensor) -> Tensor:
    """Return every waveform `[B, T]` with mean 0 and standard deviation 1; silence stays zero.

    >>> standardise(torch.tensor([[1.0, 3.0], [0.5, 0.5]]))
    tensor([[-0.7071,  0.7071],
            [ 0.0000,  0.0000]])
    """
    centred = waveforms - waveforms.mean(1, keepdim=True)
    return centred / (centred.square().sum(1, keepdim=True) / (waveforms.shape[1] - 1)).add(1e-14).sqrt()
