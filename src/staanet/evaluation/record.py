"""The one place where a record is put together: what a case was, its figures, and where they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch

from staanet.core import provenance
from staanet.core.records import Record


@dataclass(frozen=True)
class Case:
    """What a record says of a case apart from its figures; the fields of the same names in `Record`.

    Args:
        packages: Packages beyond the library's own dependencies whose versions the record names.
        device: Device on which the case was evaluated.
    """

    signature: str
    experiment: str
    corpus: str
    split: str
    source: str
    target: str
    attack: str
    protocol: str
    labels_from: str
    seed: int
    budget_epsilon: float | None
    budget_snr_db: float | None
    budget_sparsity: float
    labels: list[str]
    settings: dict[str, Any]
    device: torch.device
    packages: Sequence[str] = ()
    fold: int | None = None
    folds_planned: int = 0
    generator: str | None = None
    defence: str | None = None
    subset: str = "test"
    stands_for: str | None = None
    domain: str = "waveform"


def build_record(case: Case, figures: Mapping[str, Any]) -> Record:
    """Return the record of a case.

    Args:
        case: The case.
        figures: Its figures, as `staanet.evaluation.case.figures` returns them.
    """
    facts = {field.name: getattr(case, field.name) for field in fields(case)}
    packages, device = facts.pop("packages"), facts.pop("device")
    commit, tree_clean = provenance.commit()
    return Record(
        **facts,
        **figures,
        folds=() if case.fold is None else (case.fold,),
        versions=provenance.versions(*packages),
        commit=commit,
        tree_clean=tree_clean,
        device=provenance.device_name(device),
    )
