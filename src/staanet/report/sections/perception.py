"""The perception table: how attacked clips sound beside the clean ones, over all clips and over the fooled ones."""

from collections.abc import Sequence

from staanet.core.records import Record
from staanet.report.tables import UNDEFINED, Cell, Table
from staanet.report.wording import columns, conditions, number, said

MEASURES = {
    "snr_peak_db": ("SNR peak dB", 1),
    "pesq": ("PESQ", 2),
    "stoi": ("STOI", 3),
    "si_sdr_db": ("SI-SDR dB", 1),
    "snr_segmental_db": ("segmental SNR dB", 1),
    "log_spectral_distance_db": ("log-spectral distance dB", 1),
}
"""The heading of each field and its decimals."""

OVER = {"all": "", "fooled": "_fooled"}
FIELDS = (
    *("experiment", "corpus", "split", "folds", "source", "target", "attack", "generator", "defence", "protocol"),
    *("budget_epsilon", "budget_snr_db", "budget_sparsity", "n", "n_fooled"),
    *(f"{name}{suffix}" for name in MEASURES for suffix in OVER.values()),
    "signature",
)


def measured(records: Sequence[Record]) -> list[Record]:
    """Return the records of experiments that measured perception."""
    return [r for r in records if any(getattr(r, name) is not None or name in r.notes for name in ("pesq", "stoi"))]


def table(records: Sequence[Record]) -> Table:
    """Arrange records, one or more, into the perception table: a row each."""
    attack, source, *rest = columns(records)
    fields = [attack, source, "target", *rest]
    notes: list[str] = []
    rows = [
        [
            *(Cell(said(value), value) for value in (getattr(record, name) for name in fields)),
            *(_cell(record, name, suffix, notes) for name in MEASURES for suffix in OVER.values()),
        ]
        for record in records
    ]
    caption = (
        "How the attacked clips sound beside the clean ones, over all and over the fooled clips. A less audible attack "
        "has higher values, but a lower log-spectral distance. They predict listeners and replace none. "
        f"{conditions(records)}."
    )
    groups = [(heading, tuple(OVER)) for heading, _ in MEASURES.values()]
    return Table("perception", caption, [name.replace("_", " ") for name in fields], groups, rows, notes)


def _cell(record: Record, name: str, suffix: str, notes: list[str]) -> Cell:
    """Return a mean, with the number of the note that says which clips it leaves out."""
    value, note = getattr(record, name + suffix), record.notes.get(name + suffix)
    if note is not None and note not in notes:
        notes.append(note)
    text = UNDEFINED if value is None else number(value, MEASURES[name][1])
    return Cell(text, value, note=None if note is None else notes.index(note) + 1)
