"""What an evaluation measures: the budgets of its curve, and the effort of its attacks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from staanet.core.budget import Budget
from staanet.core.errors import StaanetError

ENSEMBLE = "standard-2026.12"
"""Version of the ensemble of attacks; results of two versions are not compared."""

LEAST = 1e-9
"""Sparsity of a budget that allows one sample."""

REFERENCE_SHARE = 0.01
"""Share of the samples that is the reference among budgets that allow few, or the next smaller one."""


@dataclass(frozen=True)
class Member:
    """An attack of the ensemble.

    Args:
        attack: Registry name.
        settings: Settings that differ from the defaults of the attack.
        minimal: Whether it looks for the smallest perturbation, so that one run serves all budgets.
        last_resort: Whether it attacks only the clips that the attacks before it leave right at the reference budget.
    """

    attack: str
    settings: Mapping[str, Any]
    minimal: bool = False
    last_resort: bool = False


@dataclass(frozen=True)
class Effort:
    """The ensemble with as many steps and queries as a preset allows.

    Args:
        dense: Attacks that may change every sample, with gradients.
        sparse: Attacks on few samples, with gradients.
        dense_queries: Queries of the black-box attack that may change every sample; 0 to leave it out if the model has
            gradients. With gradients, it is the last resort.
        sparse_queries: The same for the attack on few samples.
        severities: Severities of the corruptions, from 1 to 5.
        clips: Number of clips, if the user names none; None for all.
    """

    dense: tuple[Member, ...]
    sparse: tuple[Member, ...]
    dense_queries: int
    sparse_queries: int
    severities: tuple[int, ...]
    clips: int | None


def _effort(
    *, fmn: int, apgd: int, sigma_zero: int, spgd: int, queries: int, severities: tuple[int, ...], clips: int | None
) -> Effort:
    return Effort(
        dense=(
            Member("fmn", {"norm": "linf", "steps": fmn}, minimal=True),
            Member("apgd", {"steps": apgd, "restarts": 1}),
        ),
        sparse=(
            Member("sigma_zero", {"steps": sigma_zero}, minimal=True),
            Member("spgd", {"steps": spgd}),
        ),
        dense_queries=queries,
        sparse_queries=queries,
        severities=severities,
        clips=clips,
    )


PRESETS: Mapping[str, Effort] = {
    "quick": _effort(fmn=20, apgd=10, sigma_zero=40, spgd=20, queries=0, severities=(3,), clips=100),
    "standard": _effort(fmn=50, apgd=50, sigma_zero=100, spgd=100, queries=300, severities=(1, 3, 5), clips=200),
    "thorough": _effort(
        fmn=300, apgd=100, sigma_zero=500, spgd=300, queries=1000, severities=(1, 2, 3, 4, 5), clips=None
    ),
}
"""Efforts by the name of the preset."""

ONLY_QUERIES = 200
"""Queries of the black-box attack of the preset quick on a model without gradients."""


@dataclass(frozen=True)
class Curves:
    """The budgets at which robust accuracy is measured.

    Args:
        dense: Peak SNRs in dB at which every sample may change, from the smallest perturbation to the largest.
        sparse: Shares of the samples that may change, from the smallest on; 0 stands for one sample.
        sparse_snr_db: Peak SNR in dB of the changes of few samples.
        reference_db: The peak SNR among `dense` to which the figures without a named budget belong.

    Raises:
        StaanetError: If a budget is out of range or in another order.
    """

    dense: tuple[float, ...] = (70.0, 60.0, 50.0, 40.0, 30.0, 20.0, 10.0)
    sparse: tuple[float, ...] = (0.0, 0.0001, 0.001, 0.01, 0.04, 0.12)
    sparse_snr_db: float = 17.0
    reference_db: float = field(default=40.0)

    def __post_init__(self) -> None:
        """Validate the budgets."""
        if not self.dense or not all(map(math.isfinite, self.dense)) or not _falling(self.dense):
            raise StaanetError(f"expected budgets as falling peak SNRs in dB, such as 60,40,20, got {list(self.dense)}")
        if list(self.sparse) != sorted(set(self.sparse)) or not all(0 <= share <= 1 for share in self.sparse):
            raise StaanetError(f"expected rising shares of the samples in 0..1, got {list(self.sparse)}")
        if self.reference_db not in self.dense:
            raise StaanetError(f"expected the reference budget among {list(self.dense)} dB, got {self.reference_db}")

    @classmethod
    def of(cls, budgets: tuple[float, ...]) -> "Curves":
        """Return the curves with other dense budgets; the one nearest to 40 dB is the reference."""
        dense = tuple(sorted(set(budgets), reverse=True))
        return cls(dense=dense, reference_db=min(dense, key=lambda snr: abs(snr - 40.0)) if dense else 40.0)

    @property
    def dense_reference(self) -> int:
        """Number of the reference among the budgets at which every sample may change."""
        return self.dense.index(self.reference_db)

    @property
    def sparse_reference(self) -> int:
        """Number of the reference among the budgets at which few samples may change."""
        return max(sum(share <= REFERENCE_SHARE for share in self.sparse) - 1, 0)

    @property
    def dense_points(self) -> list[Budget]:
        """The budgets at which every sample may change."""
        return [Budget(snr_db=snr) for snr in self.dense]

    @property
    def sparse_points(self) -> list[Budget]:
        """The budgets at which few samples may change."""
        return [Budget(snr_db=self.sparse_snr_db, sparsity=share or LEAST) for share in self.sparse]


def _falling(levels: tuple[float, ...]) -> bool:
    return list(levels) == sorted(set(levels), reverse=True)
