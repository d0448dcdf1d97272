"""A published table beside a run's own figures: the published value, ours, the difference, and the control it lacks.

The numbers of a publication are in one file, `experiments/published/NAME.toml`. A cell has keys (such as source,
attack, target, subset) and a metric; a record with these values in the fields of these names gives ours.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.records import Interval, Record
from staanet.core.settings import read_toml, validated
from staanet.report.sections.gender import Group
from staanet.report.tables import UNDEFINED, Cell, Table
from staanet.report.wording import interval, number, unique

SCALES = {"": 1.0, "%": 100.0, "dB": 1.0, "s": 1.0, "deviations": 1.0}
"""By which a figure of ours is multiplied for the unit of a published one."""
DECIMALS = {"": 0, "%": 2, "dB": 2, "s": 2, "deviations": 6}
CONTROLLED = "asr"
"""The metric that has a control."""
MEASURES = ("published", "ours", "difference", "control", "excess")

Fact = Mapping[str, Any]
"""What a run says of one thing, by the names of keys and metrics: a record's fields, or a number of clips."""


@dataclass(frozen=True)
class PublishedTable:
    """A table as it was published.

    Args:
        title: its number and what it is about.
        rows: the names of the keys with which every row begins.
        columns: which of the file's lists of columns it has: each a `metric`, its `unit`, and more keys.
        values: the rows, keys first; text stands where there is no number.
        note: what has to be known for comparing.
    """

    title: str
    rows: tuple[str, ...]
    columns: str
    values: tuple[tuple[float | str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Publication:
    """The tables of a publication, and the columns that they share."""

    source: str
    columns: dict[str, tuple[dict[str, str], ...]]
    tables: dict[str, PublishedTable]


@dataclass(frozen=True)
class Beside:
    """One published cell beside ours: rates as fractions, other figures in their unit, None where there is none."""

    keys: dict[str, str]
    metric: str
    unit: str
    published: float | None
    printed: str
    ours: float | None
    ours_ci: Interval | None
    difference: float | None
    control: float | None
    excess: float | None
    excess_ci: Interval | None
    reason: str


FIELDS = tuple(field.name for field in dataclasses.fields(Beside) if field.name != "printed")


def publications() -> dict[str, Path]:
    """Return the files of published numbers that come with the library, by name."""
    folder = resources.files("staanet.experiments") / "published"
    return {path.stem: path for path in map(Path, map(str, folder.iterdir())) if path.suffix == ".toml"}


def find(name: str) -> tuple[Publication, PublishedTable]:
    """Return a publication and one of its tables, by a name such as `staanet.table4`.

    Raises:
        StaanetError: no such publication, no such table, or one whose rows do not fit its columns.
    """
    stem, _, table = name.partition(".")
    files = publications()
    if stem not in files:
        raise StaanetError(
            f"published: {unknown_name('publication', stem, files)}; name a table of it, as PUBLICATION.TABLE"
        )
    publication = validated(Publication, read_toml(files[stem]), str(files[stem]))
    if table not in publication.tables:
        raise StaanetError(f"published: {unknown_name('table', table, publication.tables)} of {stem}")
    found = publication.tables[table]
    if found.columns not in publication.columns:
        raise StaanetError(f"{name}: {unknown_name('columns', found.columns, publication.columns)}")
    columns = publication.columns[found.columns]
    if wrong := [column for column in columns if "metric" not in column or column.get("unit", "") not in SCALES]:
        raise StaanetError(f"{name}: expected columns with a metric and a unit from {list(SCALES)}, got {wrong[0]}")
    width = len(found.rows) + len(columns)
    if wrong_row := next((row for row in found.values if len(row) != width), None):
        raise StaanetError(f"{name}: expected rows of {width} values, got {len(wrong_row)}: {list(wrong_row)}")
    return publication, found


def facts(
    records: Sequence[Record], splits: Sequence[Mapping[str, Any]] = (), groups: Sequence[Group] = ()
) -> list[Fact]:
    """Return what a run says: the fields of its records, and the numbers of clips in each part of its splits.

    Args:
        records: pooled.
        splits: as the run's `splits/` hold them.
        groups: the same figures for the clips of each gender.
    """
    said: list[Fact] = [
        {**vars(record), "corpus": record.corpus if record.stands_for is None else record.stands_for}
        for record in records
    ]
    said += [{**vars(group), "notes": {}} for group in groups]
    for split in splits:
        for subset, counts in split["clips"].items():
            told = {"corpus": split["corpus"], "subset": subset}
            said += [{**told, "label": label, "clips": count} for label, count in counts.items()]
    return said


def beside(name: str, said: Sequence[Fact]) -> list[Beside]:
    """Return every cell of a published table beside ours, row by row.

    Where a cell names a source and no target, the target is the source.
    """
    publication, table = find(name)
    cells = []
    for row in table.values:
        keys = dict(zip(table.rows, map(str, row), strict=False))
        for column, value in zip(publication.columns[table.columns], row[len(table.rows) :], strict=True):
            own = {key: text for key, text in column.items() if key not in ("metric", "unit")}
            cells.append(_cell({**keys, **own}, column["metric"], column.get("unit", ""), value, said))
    return cells


def _cell(keys: dict[str, str], metric: str, unit: str, value: float | str, said: Sequence[Fact]) -> Beside:
    """Return a cell; of several facts that fit, all must say the same."""
    wanted = {"target": keys["source"], **keys} if "source" in keys else keys
    fitting = [fact for fact in said if metric in fact and all(fact.get(key) == text for key, text in wanted.items())]
    values = unique(fact[metric] for fact in fitting)
    ours, reason = None, ""
    if not fitting:
        reason = "nothing that was run here"
    elif len(values) > 1:
        reason = f"{len(values)} different values fit; the table's keys do not tell them apart"
    elif values[0] is None:
        reason = fitting[0]["notes"].get(metric, "undefined")
    else:
        ours = values[0]
    fact: Fact = fitting[0] if ours is not None else {}
    published = None if isinstance(value, str) or not math.isfinite(value) else value / SCALES[unit]
    rates = metric == CONTROLLED
    return Beside(
        keys=keys,
        metric=metric,
        unit=unit,
        published=published,
        printed=value if isinstance(value, str) else number(value, DECIMALS[unit]),
        ours=ours,
        ours_ci=fact.get(f"{metric}_speaker_ci", fact.get(f"{metric}_ci")),
        difference=None if ours is None or published is None else ours - published,
        control=fact.get(f"{metric}_control") if rates else None,
        excess=fact.get(f"{metric}_excess") if rates else None,
        excess_ci=fact.get(f"{metric}_excess_speaker_ci") if rates else None,
        reason=reason,
    )


def table(name: str, cells: Sequence[Beside]) -> Table:
    """Arrange cells of a published table and ours into one: a row per cell."""
    publication, found = find(name)
    keys = unique(key for cell in cells for key in cell.keys)
    notes: list[str] = []

    def shown(value: float | None, cell: Beside, bounds: Interval | None = None, *, reason: str = "") -> Cell:
        if value is not None:
            text = number(value * SCALES[cell.unit], DECIMALS[cell.unit])
            return Cell(text, value, interval(bounds) if bounds and cell.unit == "%" else "")
        if reason and reason not in notes:
            notes.append(reason)
        return Cell(UNDEFINED, None, note=notes.index(reason) + 1 if reason else None)

    rows = [
        [
            *(Cell(cell.keys.get(key, ""), cell.keys.get(key, "")) for key in keys),
            Cell(f"{cell.metric} {cell.unit}".strip(), cell.metric),
            Cell(cell.printed, cell.published),
            shown(cell.ours, cell, cell.ours_ci, reason=cell.reason),
            shown(cell.difference, cell),
            shown(cell.control, cell),
            shown(cell.excess, cell, cell.excess_ci),
        ]
        for cell in cells
    ]
    caption = (
        f"{found.title}, as published and ours. Difference: ours less the published value; control: what random noise "
        f"of the same size and count changes, which the publication lacks; excess: ours less the control. {found.note} "
        f"Published numbers: {publication.source}."
    )
    return Table("published", caption.replace("  ", " "), [*keys, "metric"], [("", MEASURES)], rows, notes)
