"""Functions on batches of waveforms `[B, T]`, in which each clip is padded with zeros beyond its own length."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.errors import StaanetError

BOUNDS = (-1.0, 1.0)
"""Default range of samples: full scale."""


def valid_samples(lengths: Tensor, size: int) -> Tensor:
    """Return a mask `[B, T]` that is true at the samples within each clip's length.

    Args:
        lengths: Number of valid samples of each clip, `[B]`.
        size: Width T of the batch, in samples.

    >>> valid_samples(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def top_positions(scores: Tensor, counts: Tensor, allowed: Tensor) -> Tensor:
    """Return a mask `[B, T]` of the highest scores of each clip, never more than `counts`, even among equal scores.

    Args:
        scores: Score of each sample, `[B, T]`.
        counts: Number of samples to select in each clip, `[B]`; all allowed ones if fewer are allowed.
        allowed: Mask `[B, T]` of the samples that may be selected.

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


def kth_largest(values: Tensor, counts: Tensor, lengths: Tensor) -> Tensor:
    """Return the value that ranks last among the `counts` highest of each clip, `[B, 1]`, for all clips in one call.

    A selection has one rank for all rows. Each row is therefore padded with values below all others, so many that the
    wanted one has the same rank in every row, and with values above all others.

    Args:
        values: Finite values, `[B, T]`; those beyond the length of a clip do not count.
        counts: Rank of the wanted value, `[B]`, from 1 for the highest to the length of the clip.
        lengths: Number of valid samples of each clip, `[B]`, 1 or more.

    >>> kth_largest(torch.tensor([[3.0, 1.0, 2.0], [5.0, 4.0, 9.0]]), torch.tensor([2, 1]), torch.tensor([3, 2]))
    tensor([[2.],
            [5.]])
    """
    ranks = lengths - counts + 1  # from the lowest
    figures = torch.stack([ranks.min(), ranks.max(), lengths.min(), (lengths - ranks).max()])
    least, rank, shortest, above = figures.tolist()
    if least < rank or shortest < values.shape[1]:
        places = torch.arange(rank + above, device=values.device)
        values = functional.pad(values, (0, len(places) - values.shape[1]))
        values = values.masked_fill(places >= lengths[:, None], -torch.inf)
        values = values.masked_fill(places >= (lengths + rank - ranks)[:, None], torch.inf)
    return values.kthvalue(rank, dim=1, keepdim=True).values


def check_waveforms(waveforms: Tensor, lengths: Tensor | None = None, bounds: tuple[float, float] = BOUNDS) -> Tensor:
    """Check a batch of waveforms and return the lengths of its clips, `[B]`.

    Args:
        waveforms: Floating-point samples, `[B, T]`, zero beyond each clip's length.
        lengths: Number of valid samples of each clip, `[B]` (default: T for every clip).
        bounds: Lowest and highest value that a sample may have (default: full scale).

    Raises:
        StaanetError: If shape, dtype, range, lengths or padding are not as described.

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
        raise StaanetError(
            f"expected integer lengths [{len(waveforms)}], got {lengths.dtype} {list(lengths.shape)}; give one per clip"
        )
    lengths = lengths.to(waveforms.device)
    if not len(waveforms):
        return lengths
    if not size:
        raise StaanetError("expected clips of one sample or more, got empty ones; remove them from the batch")
    figures = (*lengths.aminmax(), *waveforms.aminmax())
    shortest, longest, least, most = torch.stack([figure.double() for figure in figures]).tolist()
    if not (math.isfinite(least) and math.isfinite(most)):
        raise StaanetError("expected finite waveforms, got NaN or infinite samples; remove the damaged clips")
    if not 1 <= shortest <= longest <= size:
        raise StaanetError(f"expected lengths in 1..{size}, got {shortest:.0f}..{longest:.0f}; give them in samples")
    low, high = bounds
    if not low <= least <= most <= high:
        raise StaanetError(
            f"expected samples in [{low:g}, {high:g}], got [{least:g}, {most:g}]; divide by the peak or by the "
            "integer range"
        )
    if shortest < size and (waveforms != 0).logical_and_(~valid_samples(lengths, size)).any():
        raise StaanetError("expected zeros beyond each clip's length, got other samples; check the lengths")
    return lengths
