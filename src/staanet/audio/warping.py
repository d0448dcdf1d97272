"""Changes of the speed and the start of clips, as one differentiable operation on a whole batch."""

import torch
from torch import Tensor


def warped(waveforms: Tensor, lengths: Tensor, speeds: Tensor, shifts: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return clips that are played at other speeds and begin elsewhere, `[B, size]`, and their lengths, `[B]`.

    A clip is continued by its own beginning, and values between two samples are interpolated linearly. What does not
    fit into `size` samples is cut off.

    Args:
        waveforms: Clips, `[B, T]`, zero beyond the length of each.
        lengths: Number of valid samples of each clip, `[B]`, 1 or more.
        speeds: Speed of each clip, `[B]`, above 0; at 2 it is half as long and twice as high.
        shifts: Place in samples at which each clip begins, `[B]`, 0 or more.
        size: Width of the result, in samples.

    >>> clip, one = torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.ones(1)
    >>> warped(clip, torch.tensor([4]), 2 * one, one, 4)
    (tensor([[2., 4., 0., 0.]]), tensor([2]))
    """
    sizes = (lengths / speeds).round().long().clamp(1, size)
    steps = torch.arange(size, device=waveforms.device)
    places = (steps * speeds[:, None] + shifts[:, None]).to(torch.float32) % lengths[:, None]  # [B, size]
    before = places.floor().long().minimum(lengths[:, None] - 1)
    after = (before + 1) % lengths[:, None]
    shares = (places - before).to(waveforms.dtype)
    clips = torch.lerp(waveforms.gather(1, before), waveforms.gather(1, after), shares)
    return torch.where(steps < sizes[:, None], clips, 0), sizes
