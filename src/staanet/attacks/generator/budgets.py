"""The budgets for which a generator is trained at once."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.core.budget import Budget
from staanet.core.errors import StaanetError

ROUNDING = 1e-4
"""Distance from a range, in dB or as a share, that is none."""

SILENT = 1e-12
"""Smallest peak of a clip, in full scale, of which decibels are computed."""


@dataclass(frozen=True)
class BudgetRange:
    """Ranges of the two bounds of a budget, from which training draws one for every clip.

    Args:
        snr_db: Range of the largest change of a sample in dB below the peak of the clip, drawn uniformly.
        sparsity: Range, within (0, 1], of the share of the samples that may change, drawn log-uniformly.
    """

    snr_db: tuple[float, float] = (12.0, 30.0)
    sparsity: tuple[float, float] = (0.005, 0.15)

    def __post_init__(self) -> None:
        """Validate the ranges."""
        if not -math.inf < self.snr_db[0] <= self.snr_db[1] < math.inf:
            raise StaanetError(f"expected snr_db as a range from low to high, got {list(self.snr_db)}")
        if not 0 < self.sparsity[0] <= self.sparsity[1] <= 1:
            raise StaanetError(
                f"expected sparsity as a range within (0, 1], got {list(self.sparsity)}; they are shares, not "
                "percentages"
            )

    def draw(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return epsilon `[B, 1]` and counts `[B]` of a budget for each clip, drawn by torch's global generator.

        >>> from staanet.core.seeds import seeded
        >>> with seeded("budgets"):
        ...     epsilon, counts = BudgetRange((20, 20), (0.5, 0.5)).draw(torch.ones(1, 8), torch.tensor([8]))
        >>> epsilon, counts
        (tensor([[0.1000]]), tensor([4]))
        """
        shares = torch.rand(2, len(waveforms), dtype=torch.float64).to(waveforms.device)
        snr_db = self.snr_db[0] + (self.snr_db[1] - self.snr_db[0]) * shares[0]
        low, high = (math.log(share) for share in self.sparsity)
        sparsity = (low + (high - low) * shares[1]).exp()
        counts = (sparsity * lengths + 1e-9).floor().long().clamp_min(1)
        epsilon = waveforms.abs().amax(1) * (10 ** (-snr_db / 20)).to(waveforms.dtype)
        return epsilon[:, None], counts

    def within(self, epsilon: Tensor, counts: Tensor, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nearest epsilon `[B, 1]` and share of the samples `[B, 1]` within the ranges."""
        peaks = waveforms.abs().amax(1, keepdim=True)
        least, most = (10 ** (-snr_db / 20) * peaks for snr_db in reversed(self.snr_db))
        shares = (counts / lengths)[:, None].to(waveforms.dtype)
        return torch.maximum(torch.minimum(epsilon, most), least), shares.clamp(*self.sparsity)

    def unseen(self, budget: Budget, waveforms: Tensor) -> str | None:
        """Return what a budget asks for that training did not see, with the nearest that it saw; None if nothing.

        >>> BudgetRange().unseen(Budget(snr_db=17, sparsity=0.5), torch.ones(1, 8))
        'a sparsity of 0.005 to 0.15, got 0.5; the nearest is 0.15'
        """
        asked = {"a sparsity of {}": ((budget.sparsity, budget.sparsity), self.sparsity)}
        if budget.snr_db is not None:
            asked["changes of {} dB below the peak"] = (budget.snr_db, budget.snr_db), self.snr_db
        elif budget.epsilon:
            peaks = waveforms.abs().amax(1).clamp_min(SILENT)
            low, high = torch.stack((20 * (peaks / budget.epsilon).log10()).aminmax()).tolist()
            asked["changes of {} dB below the peak"] = (low, high), self.snr_db
        told = [_told(what, *ranges) for what, ranges in asked.items()]
        return ", and ".join(filter(None, told)) or None


def _told(what: str, asked: tuple[float, float], seen: tuple[float, float]) -> str | None:
    """Return that a range was asked for which is not within the one that was seen; None if it is."""
    nearest = dict.fromkeys(min(max(value, seen[0]), seen[1]) for value in asked)
    if max(seen[0] - asked[0], asked[1] - seen[1]) <= ROUNDING:
        return None
    given = " to ".join(dict.fromkeys(f"{value:.4g}" for value in asked))
    offered = " to ".join(f"{value:g}" for value in nearest)
    return f"{what.format(f'{seen[0]:g} to {seen[1]:g}')}, got {given}; the nearest is {offered}"
