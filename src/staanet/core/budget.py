"""How much an attack may change: the one threat model, L0 and Linf together, in which all attacks are compared."""

import math
import warnings
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.waveforms import top_positions, valid_samples


@dataclass(frozen=True)
class Budget:
    """The largest change of a sample, and the largest share of a clip's samples that may change.

    Args:
        epsilon: largest absolute change in full scale, at least 0; or
        snr_db: the same relative to each clip's peak, epsilon = peak / 10^(snr_db / 20): 17 dB is the operating point
            of the STAA-Net paper (https://arxiv.org/abs/2402.01227) on DEMoS.
        sparsity: largest share of the valid samples that may change, in (0, 1]; at least one sample may.

    >>> Budget(snr_db=17, sparsity=0.12)
    Budget(epsilon=None, snr_db=17, sparsity=0.12)
    """

    alternatives: ClassVar = ("epsilon", "snr_db")
    """Of these, one is given."""

    epsilon: float | None = None
    snr_db: float | None = None
    sparsity: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a budget that means nothing."""
        if (self.epsilon is None) == (self.snr_db is None):
            raise StaanetError(
                f"expected one of epsilon and snr_db, got epsilon={self.epsilon}, snr_db={self.snr_db}; "
                "epsilon is in full scale, snr_db relative to each clip's peak"
            )
        if self.epsilon is not None and not 0 <= self.epsilon < float("inf"):
            raise StaanetError(f"expected epsilon of 0 or more, got {self.epsilon}")
        if self.snr_db is not None and not math.isfinite(self.snr_db):
            raise StaanetError(f"expected snr_db as a finite number of decibels, got {self.snr_db}")
        if not 0 < self.sparsity <= 1:
            raise StaanetError(f"expected sparsity in (0, 1], got {self.sparsity}; it is a share, not a percentage")

    def resolve(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return each clip's epsilon `[B, 1]` and number of samples that may change `[B]`.

        >>> Budget(snr_db=20, sparsity=0.5).resolve(torch.tensor([[0.5, -1.0, 0.0]]), torch.tensor([3]))
        (tensor([[0.1000]]), tensor([1]))
        """
        if self.epsilon is not None:
            epsilon = torch.full_like(waveforms[:, :1], self.epsilon)
        else:
            assert self.snr_db is not None  # noqa: S101
            epsilon = waveforms.abs().amax(1, keepdim=True) * 10 ** (-self.snr_db / 20)
        counts = (self.sparsity * lengths.double() + 1e-9).floor().long()
        if (counts < 1).any():
            shortest = int(lengths.min())
            warnings.warn(
                f"a sparsity of {self.sparsity:g} is less than one sample of a clip of {shortest} samples, so one "
                f"sample may change; expected at least {1 / shortest:.3g}",
                StaanetWarning,
                stacklevel=2,
            )
        return epsilon, counts.clamp_min(1)

    def clamp(self, perturbations: Tensor, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the perturbations `[B, T]` cut to the budget: the largest changes stay, each within epsilon."""
        epsilon, counts = self.resolve(waveforms, lengths)
        within = perturbations.clamp(-epsilon, epsilon)
        changed = (within != 0) & valid_samples(lengths, within.shape[1])
        return torch.where(top_positions(within.abs(), counts, changed), within, 0)
