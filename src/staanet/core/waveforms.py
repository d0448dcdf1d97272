"""Batches of waveforms `[B, T]`, zero beyond each clip's length: checked, masked, ranked."""

import math

import torch
from torch import Tensor

from staanet.core.errors import StaanetError

BOUNDS = (-1.0, 1.0)


def valid_samples(lengths: Tensor, size: int) -> Tensor:
    """Return the mask `[B, T]` of the samples that belong to each clip.

    >>> valid_samples(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def top_positions(scores: Tensor, counts: Tensor, allowed: Tensor) -> Tensor:
    """Return the mask `[B, T]` of the `counts` `[B]` highest scores `[B, T]` among the allowed samples; ties never add.

    >>> top_positions(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([2]), torch.tensor([[True, True, True]]))
    tensor([[ True, False,  True]])
    """
    available = allowed.sum(1)
    if (available <= counts).all():
        return allowed
    counts = torch.minimum(counts, available)
    most = int(counts.max())
    best = scores.masked_fill(~allowed, -torch.inf).topk(most, dim=1).indices  # [B, most]
    chosen = torch.arange(most, device=scores.device) < counts[:, None]
    return torch.zeros_like(allowed).scatter(1, best, chosen)


def check_waveforms(waveforms: Tensor, lengths: Tensor | None = None, bounds: tuple[float, float] = BOUNDS) -> Tensor:
    """Check a batch `[B, T]` and return its lengths `[B]`, the full width where none are given.

    Raises:
        StaanetError: a shape, dtype, range, length or tail that breaks the contract of waveforms.

    >>> check_waveforms(torch.zeros(2, 5))
    tensor([5, 5])
    """
    if waveforms.ndim != 2:
        hint = "; drop the channel with .squeeze(1)" if waveforms.ndim == 3 else ""
        raise StaanetError(f"expected waveforms [B, T], got {list(waveforms.shape)}{hint}")
    if not waveforms.is_floating_point():
        raise StaanetError(f"expected floating-point waveforms, got {waveforms.dtype}; divide integers by their range")
    size = waveforms.shape[1]
    if lengths is None:
        lengths = torch.full((len(waveforms),), size, device=waveforms.device)
    if lengths.shape != (len(waveforms),) or lengths.is_floating_point():
        raise StaanetError(f"expected integer lengths [{len(waveforms)}], got {lengths.dtype} {list(lengths.shape)}")
    lengths = lengths.to(waveforms.device)
    if not len(waveforms):
        return lengths
    if not size:
        raise StaanetError("expected clips of one sample or more, got none; leave the empty clips out")
    beyond = (waveforms != 0).logical_and_(~valid_samples(lengths, size)).any()
    figures = (*lengths.aminmax(), *waveforms.aminmax(), beyond)
    shortest, longest, least, most, tail = torch.stack([figure.double() for figure in figures]).tolist()
    if not (math.isfinite(least) and math.isfinite(most)):
        raise StaanetError("expected finite waveforms, got NaN or infinite samples; leave the damaged clips out")
    if not 1 <= shortest <= longest <= size:
        raise StaanetError(f"expected lengths in 1..{size}, got {shortest:.0f}..{longest:.0f}")
    low, high = bounds
    if not low <= least <= most <= high:
        raise StaanetError(
            f"expected samples in [{low:g}, {high:g}], got [{least:g}, {most:g}]; divide by the peak or by the "
            "integer range"
        )
    if tail:
        raise StaanetError("expected zeros beyond each clip's length, got other samples; check lengths")
    return lengths
