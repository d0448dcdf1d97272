"""Partition: every part of a clip has one vote, which certifies a number of changed samples without any chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.core.waveforms import valid_samples
from staanet.defences.base import Smoothing
from staanet.models import Model


@dataclass(frozen=True)
class Partition(Smoothing):
    """One vote for each part of a clip, and training on such parts.

    Source: Z. Hammoudeh, D. Lowd, "Feature partition aggregation", 2023, theorem 2, with one model for all parts, which
    are sections of the clip that share no sample. A changed sample changes one vote. The decision therefore stays
    while twice the number of changed samples is at most the lead of its class, less one where a tie is lost. There is
    nothing random, so the certificate holds with certainty. What remains of a clip after its last whole part has no
    vote.

    Args:
        samples: Samples of a part; the default is 100 ms at 16 kHz. A model with this trained length suits best.
        votes: Parts of each clip, drawn at random, that a step of training uses.

    >>> Partition().radius([3, 10, 2])
    3
    """

    name = "partition"
    reference = "arXiv 2302.11628"
    norm = "l0"

    samples: int = 1600
    votes: int = 4

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.samples < 1 or self.votes < 1:
            raise StaanetError(f"expected samples and votes of 1 or more, got {self.samples} and {self.votes}")

    def certified_object(self) -> str:
        """Return which input the certificate is about and what the voters receive, in a sentence."""
        return (
            f"The samples of the file; each voter receives one part of {self.samples} samples, and repeats, cuts and "
            "normalises only this part."
        )

    def parts(self, clip: Tensor) -> Tensor:
        """Return the parts `[M, samples]` of a clip `[T]`; a clip shorter than a part is one part."""
        if len(clip) < self.samples:
            return clip[None]
        count = len(clip) // self.samples
        return clip[: count * self.samples].view(count, self.samples)

    def radius(self, counts: Sequence[int]) -> int:
        """Return the number of samples that may change, from the votes for each class; the first of a tie decides."""
        decided = max(range(len(counts)), key=lambda place: (counts[place], -place))
        leads = [counts[decided] - count - (place < decided) for place, count in enumerate(counts) if place != decided]
        return min(leads) // 2

    def vote(self, model: Model, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B * votes, K]` of random parts of each clip `[B, T]`."""
        clips, sizes = waveforms.repeat_interleave(self.votes, 0), lengths.repeat_interleave(self.votes)
        size = min(self.samples, waveforms.shape[1])
        starts = (torch.rand(len(sizes)).to(clips.device) * (sizes - size + 1).clamp_min(1)).long()
        parts = clips.gather(1, (starts[:, None] + torch.arange(size, device=clips.device)))
        left = sizes.clamp_max(size)
        parts = torch.where(valid_samples(left, size), parts, 0)
        logits: Tensor = model(parts, left)
        return logits
