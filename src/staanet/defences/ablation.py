"""Random ablation: a model votes on a random part of the samples, which certifies a number of changed samples."""

import math
from dataclasses import dataclass

import torch
from scipy.special import gammaln
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.defences.base import RandomisedSmoothing
from staanet.models import Model


@dataclass(frozen=True)
class Ablation(RandomisedSmoothing):
    """Votes on copies of a clip of which a few random blocks of samples are kept, and training on such copies.

    Source: A. Levine, S. Feizi, AAAI 2020, theorem 1. Of M blocks, k are kept. A voter sees one of r changed blocks
    with a probability of d = 1 - C(M - r, k) / C(M, k), and r changed samples change r blocks at most. If the decided
    class has a probability of at least p and every other one of at most q, r changed samples of any size do not change
    the decision while p - d > q + d. In the paper a block is one pixel. Longer blocks have nearly the same certificate,
    because d depends on the share that is kept, and contain speech that can be recognised.

    Args:
        keep: Share of the blocks that are kept, in (0, 0.5); at least one is.
        block: Samples of a block; 1 is the method of the paper. The default is 20 ms at 16 kHz.

    >>> Ablation(keep=0.1, block=1).radius(0.99, 0.01, torch.zeros(1000))
    6
    """

    name = "ablation"
    reference = "arXiv 1911.09272"
    norm = "l0"

    keep: float = 0.05
    block: int = 320

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not 0 < self.keep < 0.5:
            raise StaanetError(f"expected keep in (0, 0.5), above which nothing can be certified, got {self.keep}")
        if self.block < 1:
            raise StaanetError(f"expected a block of one sample or more, got {self.block}")

    @property
    def least_share(self) -> float:
        """Share of the votes above which one changed sample is certified."""
        return 0.5 + self.keep

    def certified_object(self) -> str:
        """Return which input the certificate is about and what the voters receive, in a sentence."""
        return (
            f"The samples of the file; each voter receives {100 * self.keep:g} % of the blocks of {self.block} samples "
            "with zeros elsewhere, and repeats, cuts and normalises only what it receives."
        )

    def draw(self, clip: Tensor, count: int, random: torch.Generator) -> Tensor:
        """Return copies `[count, T]` of a clip `[T]` with zeros outside of the blocks that are kept."""
        blocks = self._blocks(len(clip))
        scores = torch.rand(count, blocks, generator=random)
        kept = torch.zeros(count, blocks).scatter_(1, scores.topk(self._kept(blocks), dim=1).indices, 1)
        return clip * kept.repeat_interleave(self.block, 1)[:, : len(clip)].to(clip)

    def radius(self, lower: float, upper: float, clip: Tensor) -> int:
        """Return the number of samples of a clip `[T]` that may change."""
        blocks, radius = self._blocks(len(clip)), 0
        while radius < blocks and lower - upper > 2 * self.seen(radius + 1, blocks):
            radius += 1
        return radius

    def seen(self, changed: int, blocks: int) -> float:
        """Return the probability that a voter receives one of the changed blocks.

        >>> Ablation(keep=0.1).seen(1, 100)
        0.1
        """
        kept = self._kept(blocks)
        if changed + kept > blocks:
            return 1.0
        unseen = gammaln([blocks - changed + 1, blocks - kept + 1]).sum()
        return round(1 - math.exp(unseen - gammaln([blocks - changed - kept + 1, blocks + 1]).sum()), 12)

    def vote(self, model: Model, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B, K]` of clips `[B, T]` of which random blocks are kept."""
        ablated = torch.zeros_like(waveforms)
        random = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        for row, clip, length in zip(ablated, waveforms, lengths.tolist(), strict=True):
            row[:length] = self.draw(clip[:length], 1, random)[0]
        return model.forward_fitted(ablated, lengths)

    def _blocks(self, length: int) -> int:
        return -(-length // self.block)

    def _kept(self, blocks: int) -> int:
        return max(1, int(self.keep * blocks))
