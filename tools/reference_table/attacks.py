"""Rows of the reference table for attacks: the records of a published study in which all had the same budgets."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from staanet.core.records import Record
from staanet.core.run import Run
from staanet.report.results import Results

STUDY = "baselines"
"""The study: every attack on the same clips, models and budgets."""


@dataclass(frozen=True)
class Attacked:
    """An attack on a model and, with the same perturbations, on one that it has not seen.

    Args:
        record: The record of the model that the attack uses.
        unseen: The record of the other model; None for an attack that uses none.
        parts: The records of the folds that were pooled, as they were written.
    """

    record: Record
    unseen: Record | None
    parts: tuple[Record, ...]

    @property
    def group(self) -> tuple[str, float, float]:
        """What attacks in one table share: corpus, peak SNR in dB and share of the samples."""
        record = self.record
        return record.corpus, float(record.budget_snr_db or 0), float(record.budget_sparsity or 1)


def read_attacks(results: Path) -> list[Attacked]:
    """Return the attacks of the published study."""
    found = Results.read(Run(results / STUDY))
    return list(_pairs(found))


def _pairs(found: Results) -> Iterator[Attacked]:
    attacked = {record.source for record in found.records} - {"none"}
    for record in found.records:
        if record.target not in attacked or record.source not in (record.target, "none"):
            continue
        unseen = [
            other
            for other in found.records
            if (other.attack, other.source, other.corpus) == (record.attack, record.source, record.corpus)
            and other.target != record.target
        ]
        parts = tuple(part for one in (record, *unseen[:1]) for part in found.parts_of(one))
        yield Attacked(record, unseen[0] if unseen else None, parts)
