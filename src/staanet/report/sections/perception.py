"""The perception table: measures of audible difference between clean and adversarial clips."""

from collections.abc import Sequence

from staanet.core.records import Record
from staanet.report.cells import Cell, number_cell, text_cell
from staanet.report.results import Results
from staanet.report.tables import Section, Table
from staanet.report.wording import columns, conditions

MEASURES = {
    "snr_peak_db": ("SNR peak dB", 1),
    "pesq": ("PESQ", 2),
    "stoi": ("STOI", 3),
    "si_sdr_db": ("SI-SDR dB", 1),
    "snr_segmental_db": ("segmental SNR dB", 1),
    "log_spectral_distance_db": ("log-spectral distance dB", 1),
}
"""Heading and number of decimals of each field."""

OVER = {"all": "", "fooled": "_fooled"}
"""The clips over which a measure is averaged, and the suffix of the field with that mean."""

FIELDS = (
    *("experiment", "corpus", "split", "folds", "source", "target", "attack", "generator", "defence", "protocol"),
    *("budget_epsilon", "budget_snr_db", "budget_sparsity", "n", "n_fooled"),
    *(f"{name}{suffix}" for name in MEASURES for suffix in OVER.values()),
    "signature",
)


def section(results: Results) -> Section | None:
    """Return the section, or None if the experiment did not measure perception."""
    records = with_perception(results.records)
    return Section("Perception", table(records), records, FIELDS) if records else None


def with_perception(records: Sequence[Record]) -> list[Record]:
    """Return the records of experiments that measured perception."""
    return [r for r in records if any(getattr(r, name) is not None or name in r.notes for name in ("pesq", "stoi"))]


def table(records: Sequence[Record]) -> Table:
    """Return the table, with a row per record."""
    attack, source, *rest = columns(records)
    fields = [attack, source, "target", *rest]
    notes: list[str] = []
    rows = [
        [
            *(text_cell(getattr(record, name)) for name in fields),
            *(_cell(record, name, suffix, notes) for name in MEASURES for suffix in OVER.values()),
        ]
        for record in records
    ]
    caption = (
        "Objective measures of the difference between adversarial and clean clips, averaged over all clips and over "
        "the fooled clips. A less audible attack has higher values, except for the log-spectral distance, where it has "
        "lower ones. These measures predict the judgement of listeners and do not replace it. "
        f"{conditions(records)}."
    )
    groups = [(heading, tuple(OVER)) for heading, _ in MEASURES.values()]
    return Table("perception", caption, [name.replace("_", " ") for name in fields], groups, rows, notes)


def _cell(record: Record, name: str, suffix: str, notes: list[str]) -> Cell:
    """Return the cell of a mean, and add a note if the mean is undefined or excludes some clips."""
    value, note = getattr(record, name + suffix), record.notes.get(name + suffix)
    if note is not None and note not in notes:
        notes.append(note)
    number = None if note is None else notes.index(note) + 1
    cell = number_cell(value, MEASURES[name][1])
    return Cell(cell.text, cell.value, note=number)
