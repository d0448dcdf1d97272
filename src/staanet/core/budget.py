"""The perturbation budget: bounds on L0 and Linf, under which all attacks are compared."""

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
    """Bounds on a perturbation: the largest change of a sample and the largest share of samples that may change.

    Exactly one of `epsilon` and `snr_db` must be given.

    Args:
        epsilon: Largest absolute change of a sample, as a fraction of full scale, 0 or more.
        snr_db: The same bound relative to the peak of each clip, in dB: epsilon = peak / 10^(snr_db / 20). The STAA-Net
            paper (https://arxiv.org/abs/2402.01227) attacks DEMoS at 17 dB.
        sparsity: Largest share of the valid samples that may change, in (0, 1]; at least one sample may always change
            (default: 1, all samples).

    >>> Budget(snr_db=17, sparsity=0.12)
    Budget(epsilon=None, snr_db=17, sparsity=0.12)
    """

    alternatives: ClassVar = ("epsilon", "snr_db")
    """Fields of which exactly one is given."""

    epsilon: float | None = None
    snr_db: float | None = None
    sparsity: float = 1.0

    def __post_init__(self) -> None:
        """Validate the bounds."""
        if (self.epsilon is None) == (self.snr_db is None):
            raise StaanetError(
                f"expected one of epsilon and snr_db, got epsilon={self.epsilon}, snr_db={self.snr_db}; "
                "epsilon is in full scale, snr_db relative to each clip's peak"
            )
        if self.epsilon is not None and not 0 <= self.epsilon < float("inf"):
            raise StaanetError(f"expected a finite epsilon of 0 or more, got {self.epsilon}; it is in full scale")
        if self.snr_db is not None and not math.isfinite(self.snr_db):
            raise StaanetError(f"expected snr_db as a finite number of decibels, got {self.snr_db}; 17 is the paper's")
        if not 0 < self.sparsity <= 1:
            raise StaanetError(f"expected sparsity in (0, 1], got {self.sparsity}; it is a share, not a percentage")

    def resolve(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return epsilon for each clip, `[B, 1]`, and the number of samples that may change in it, `[B]`.

        Args:
            waveforms: Samples of the clean clips, `[B, T]`.
            lengths: Number of valid samples of each clip, `[B]`.

        Warns:
            StaanetWarning: If the sparsity is less than one sample of a clip; one sample may change then.

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
                f"expected a sparsity of {1 / shortest:.3g} or more, got {self.sparsity:g}, which is less than one "
                f"sample of a clip of {shortest} samples; one sample may change",
                StaanetWarning,
                stacklevel=2,
            )
        return epsilon, counts.clamp_min(1)

    def clamp(self, perturbations: Tensor, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the perturbations `[B, T]` reduced to the budget: only the largest changes stay, clipped to epsilon.

        Args:
            perturbations: Changes of the samples, `[B, T]`.
            waveforms: Samples of the clean clips, `[B, T]`.
            lengths: Number of valid samples of each clip, `[B]`.
        """
        epsilon, counts = self.resolve(waveforms, lengths)
        within = perturbations.clamp(-epsilon, epsilon)
        changed = (within != 0) & valid_samples(lengths, within.shape[1])
        return torch.where(top_positions(within.abs(), counts, changed), within, 0)
