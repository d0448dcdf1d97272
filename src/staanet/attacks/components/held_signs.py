"""Random signs that are held for several samples, on as many samples as a budget allows."""

import torch
from torch import Tensor

from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions, valid_samples

RESOLUTION = 2**-24
"""Distance between the uniform draws of torch in 32 bits."""


def held_signs(counts: Tensor, lengths: Tensor, size: int, random: ClipRandom, hold: int) -> Tensor:
    """Return random signs at `counts` random samples of each clip and 0 elsewhere, `[B, T]`.

    A clip is divided into blocks of `hold` samples, the first of which begins at a random sample of its block. A block
    has one sign. Whole blocks are drawn at random until the count is reached, of the last one only the beginning.
    With `hold` 1, signs and samples are those of the attack `noise`.

    Args:
        counts: Number of samples of each clip that are not 0, `[B]`.
        lengths: Number of valid samples of each clip, `[B]`.
        size: Width T of the batch, in samples.
        random: Random streams of the clips.
        hold: Number of samples for which a sign is held, at least 1.

    >>> random = ClipRandom(0, torch.full((1, 8), 0.1), torch.tensor([8]))
    >>> signs = held_signs(torch.tensor([8]), torch.tensor([8]), 8, random, hold=4)
    >>> int((signs.diff() != 0).sum()) <= 2
    True
    """
    draws, signs = random.uniform(), random.signs()
    phases = (random.uniform(1) * hold).long()  # [B, 1]
    index = torch.arange(size, device=draws.device) + phases  # [B, T]
    blocks = index // hold
    scores = draws.gather(1, blocks).double() - RESOLUTION * (index % hold) / hold  # beginnings of blocks come first
    positions = top_positions(scores, counts, valid_samples(lengths, size))
    return torch.where(positions, signs.gather(1, blocks), 0)
