"""The one place where a record is put together and written: the case, its figures, and where they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from staanet.core import provenance, records
from staanet.core.record import Record, Rows
from staanet.evaluation.flags import raised
from staanet.evaluation.invariants import check_figures


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


def write_record(folder: Path, case: Case, figures: Mapping[str, Any], rows: Rows) -> Path:
    """Write the record of a case and the outcomes of its clips, and return the path of the record.

    Args:
        folder: Folder of the records of a run.
        case: The case.
        figures: Its figures, as `staanet.evaluation.case.figures` returns them.
        rows: The outcome of each clip.

    Raises:
        StaanetError: The figures do not follow from the outcomes, or these break an invariant.
    """
    record = build_record(case, figures)
    check_figures(record, rows, str(folder))
    return records.write(folder, record, rows)


def build_record(case: Case, figures: Mapping[str, Any]) -> Record:
    """Return the record of a case.

    Args:
        case: The case.
        figures: Its figures, as `staanet.evaluation.case.figures` returns them. Flags are raised from the whole record,
            because some depend on the attack.
    """
    facts = {field.name: getattr(case, field.name) for field in fields(case)}
    packages, device = facts.pop("packages"), facts.pop("device")
    commit, tree_clean = provenance.commit()
    return Record(
        **facts,
        **{**figures, "flags": raised({**facts, **figures})},
        folds=() if case.fold is None else (case.fold,),
        versions=provenance.versions(*packages),
        commit=commit,
        tree_clean=tree_clean,
        device=provenance.device_name(device),
    )
