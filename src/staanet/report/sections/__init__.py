"""The tables that some runs have beside those that all have.

Defences, by gender, attacks pair by pair, features beside waveform, models where clips were moved equally far.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from staanet.core import records
from staanet.core.records import Record
from staanet.evaluation.case import Rows
from staanet.report.sections import defences, domains, equal_distortion, pairs
from staanet.report.sections import gender as groups
from staanet.report.tables import Table


class Section(NamedTuple):
    """A table under its heading, with its rows in full and their fields."""

    heading: str
    table: Table
    rows: Sequence[Any]
    fields: Sequence[str]


def sections(run: Path, found: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[Section]:
    """Return the tables that a run asks for, or that its records allow.

    Args:
        run: its folder.
        found: its records, pooled.
        outcomes: returns the rows of a record.
    """
    made = []
    if shielded := defences.defended(found):
        made.append(Section("Defences", defences.table(shielded), shielded, defences.FIELDS))
    if records.by_gender(run) and found:
        rows = groups.groups(found, outcomes)
        made.append(Section("By gender", groups.table(rows, found), rows, groups.FIELDS))
        if contrasts := groups.contrasts(found, outcomes):
            table = groups.contrast_table(contrasts)
            made.append(Section("Between the genders", table, contrasts, groups.CONTRAST_FIELDS))
    if paired := pairs.pairs(found, outcomes, records.pairwise(run)):
        made.append(Section("Attacks pair by pair", pairs.table(paired), paired, pairs.FIELDS))
    if both := domains.compare_domains(found, outcomes):
        made.append(Section("Features and waveform", domains.table(both), both, domains.FIELDS))
    if records.equal_distortion(run) and found:
        equal = equal_distortion.equal_distortion(found, outcomes)
        made.append(
            Section("Robustness at equal distortion", equal_distortion.table(equal), equal, equal_distortion.FIELDS)
        )
    return made
