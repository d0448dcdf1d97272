"""A published table compared with the results of the run: published value, own value, difference and control.

The numbers of a publication are in one file, `experiments/published/NAME.toml`. A cell of a table has keys (such as
source, attack, target, subset) and a metric; it is compared with the record whose fields of these names have the same
values.
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
from staanet.report.captions import control
from staanet.report.cells import UNDEFINED, Cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.sections.gender import Group, groups
from staanet.report.tables import Section, Table
from staanet.report.wording import interval, number, percent, unique

SCALES = {"": 1.0, "%": 100.0, "dB": 1.0, "s": 1.0, "deviations": 1.0}
"""Factor from the value in a record to the unit of a published table."""

DECIMALS = {"": 0, "%": 2, "dB": 2, "s": 2, "deviations": 6}
CONTROLLED = "asr"
"""The metric for which a record has a control."""

UNDER_ATTACK = ("asr", "asr_correct", "accuracy_adv", "uar_adv")
"""The metrics next to which the table shows robust accuracy."""

ROBUST, MEASURES = "robust accuracy", ("published", "ours", "difference", "control", "excess")

Values = Mapping[str, Any]
"""Results of the run by the names of keys and metrics: the fields of a record, or a number of clips."""


@dataclass(frozen=True)
class PublishedTable:
    """A table of a publication.

    Args:
        title: Number and title of the table.
        rows: Names of the keys with which every row begins.
        columns: Name of the list of columns in the file; each column has a `metric`, its `unit`, and more keys.
        values: The rows, keys first. Text stands for what the publication prints instead of a number.
        note: What a reader must know to compare the table with other results.
    """

    title: str
    rows: tuple[str, ...]
    columns: str
    values: tuple[tuple[float | str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Publication:
    """The tables of a publication, and the lists of columns that they share."""

    source: str
    columns: dict[str, tuple[dict[str, str], ...]]
    tables: dict[str, PublishedTable]


@dataclass(frozen=True)
class PublishedCell:
    """One published value and the value of the run.

    Rates are fractions and other values are in their unit; None if there is no value, with the `reason`.
    """

    keys: dict[str, str]
    metric: str
    unit: str
    published: float | None
    printed: str
    robust_accuracy: float | None
    robust_accuracy_ci: Interval | None
    chance: float | None
    ours: float | None
    ours_ci: Interval | None
    difference: float | None
    control: float | None
    excess: float | None
    excess_ci: Interval | None
    reason: str


FIELDS = tuple(field.name for field in dataclasses.fields(PublishedCell) if field.name != "printed")


def section(results: Results) -> Section | None:
    """Return the section, or None if the experiment names no published table."""
    name = results.layout.published
    if not name:
        return None
    grouped = groups(results.records, results.outcomes) if results.layout.by_gender else []
    cells = compare_with_published(name, own_values(results.records, results.run.splits, grouped))
    return Section("As published", table(name, cells, control(results.records)), cells, FIELDS) if cells else None


def publications() -> dict[str, Path]:
    """Return the files of published numbers that come with the library, by name."""
    folder = resources.files("staanet.experiments") / "published"
    return {path.stem: path for path in map(Path, map(str, folder.iterdir())) if path.suffix == ".toml"}


def find(name: str) -> tuple[Publication, PublishedTable]:
    """Return a publication and one of its tables, by a name such as `staanet.table4`.

    Raises:
        StaanetError: The publication or the table does not exist, or its rows do not fit its columns.
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
    chosen = publication.tables[table]
    if chosen.columns not in publication.columns:
        raise StaanetError(f"{name}: {unknown_name('columns', chosen.columns, publication.columns)}")
    columns = publication.columns[chosen.columns]
    if wrong := [column for column in columns if "metric" not in column or column.get("unit", "") not in SCALES]:
        raise StaanetError(f"{name}: expected columns with a metric and a unit from {list(SCALES)}, got {wrong[0]}")
    width = len(chosen.rows) + len(columns)
    if wrong_row := next((row for row in chosen.values if len(row) != width), None):
        raise StaanetError(f"{name}: expected rows of {width} values, got {len(wrong_row)}: {list(wrong_row)}")
    return publication, chosen


def own_values(
    records: Sequence[Record], splits: Sequence[Mapping[str, Any]] = (), grouped: Sequence[Group] = ()
) -> list[Values]:
    """Return the results of a run that can be compared with published ones.

    These are the fields of its records, the results by gender, and the numbers of clips in each subset of its splits.

    Args:
        records: Pooled records.
        splits: The splits of the run, as `Run.splits` returns them.
        grouped: The results of the records by gender.
    """
    values: list[Values] = [
        {**vars(record), "corpus": record.corpus if record.stands_for is None else record.stands_for}
        for record in records
    ]
    chances = {record.corpus: record.chance for record in records}
    values += [{**vars(group), "chance": chances[group.corpus], "notes": {}} for group in grouped]
    for split in splits:
        for subset, counts in split["clips"].items():
            place = {"corpus": split["corpus"], "subset": subset}
            values += [{**place, "label": label, "clips": count} for label, count in counts.items()]
    return values


def compare_with_published(name: str, own: Sequence[Values]) -> list[PublishedCell]:
    """Compare every cell of a published table with the results of a run, row by row.

    If a cell names a source and no target, its target is the source.

    Args:
        name: Name of the table, such as `staanet.table4`.
        own: The results of the run, as `own_values` returns them.
    """
    publication, table = find(name)
    cells = []
    for row in table.values:
        row_keys = dict(zip(table.rows, map(str, row), strict=False))
        for column, value in zip(publication.columns[table.columns], row[len(table.rows) :], strict=True):
            column_keys = {key: text for key, text in column.items() if key not in ("metric", "unit")}
            keys = {**row_keys, **column_keys}
            cells.append(_cell(keys, column["metric"], column.get("unit", ""), value, own))
    return cells


def _cell(keys: dict[str, str], metric: str, unit: str, value: float | str, own: Sequence[Values]) -> PublishedCell:
    """Return a cell; if several results fit its keys, they must agree."""
    wanted = {"target": keys["source"], **keys} if "source" in keys else keys
    fitting = [values for values in own if metric in values and all(values.get(k) == v for k, v in wanted.items())]
    candidates = unique(values[metric] for values in fitting)
    ours, reason = None, ""
    if not fitting:
        reason = "not part of this run"
    elif len(candidates) > 1:
        reason = f"{len(candidates)} results with different values have the keys of this cell"
    elif candidates[0] is None:
        reason = fitting[0]["notes"].get(metric, "undefined")
    else:
        ours = candidates[0]
    result: Values = fitting[0] if ours is not None else {}
    published = None if isinstance(value, str) or not math.isfinite(value) else value / SCALES[unit]
    controlled, robust = metric == CONTROLLED, result if metric in UNDER_ATTACK else {}
    return PublishedCell(
        keys=keys,
        metric=metric,
        unit=unit,
        published=published,
        printed=value if isinstance(value, str) else number(value, DECIMALS[unit]),
        robust_accuracy=robust.get("robust_accuracy"),
        robust_accuracy_ci=robust.get("robust_accuracy_speaker_ci", robust.get("robust_accuracy_ci")),
        chance=robust.get("chance"),
        ours=ours,
        ours_ci=result.get(f"{metric}_speaker_ci", result.get(f"{metric}_ci")),
        difference=None if ours is None or published is None else ours - published,
        control=result.get(f"{metric}_control") if controlled else None,
        excess=result.get(f"{metric}_excess") if controlled else None,
        excess_ci=result.get(f"{metric}_excess_speaker_ci") if controlled else None,
        reason=reason,
    )


def table(name: str, cells: Sequence[PublishedCell], of_control: str = "") -> Table:
    """Return the table, with a row per published cell.

    Args:
        name: Name of the published table.
        cells: Its cells, as `compare_with_published` returns them.
        of_control: A sentence on the controls for the caption.
    """
    publication, published = find(name)
    keys = unique(key for cell in cells for key in cell.keys)
    notes: list[str] = []
    robust = any(cell.robust_accuracy is not None for cell in cells)

    def shown(value: float | None, cell: PublishedCell, bounds: Interval | None = None, *, reason: str = "") -> Cell:
        if value is not None:
            text = number(value * SCALES[cell.unit], DECIMALS[cell.unit])
            return Cell(text, value, interval(bounds) if bounds and cell.unit == "%" else "")
        if reason and reason not in notes:
            notes.append(reason)
        return Cell(UNDEFINED, None, note=notes.index(reason) + 1 if reason else None)

    rows = [
        [
            *(text_cell(cell.keys.get(key, "")) for key in keys),
            Cell(f"{cell.metric} {cell.unit}".strip(), cell.metric),
            *([percent_cell(cell.robust_accuracy, cell.robust_accuracy_ci)] if robust else []),
            Cell(cell.printed, cell.published),
            shown(cell.ours, cell, cell.ours_ci, reason=cell.reason),
            shown(cell.difference, cell),
            shown(cell.control, cell),
            shown(cell.excess, cell, cell.excess_ci),
        ]
        for cell in cells
    ]
    chances = ", ".join(f"{percent(share)} %" for share in sorted({cell.chance for cell in cells if cell.chance}))
    of_robust = (
        "Robust accuracy: share of the clips that our model classifies correctly before and under the attack; chance "
        f"is {chances}. "
    )
    caption = (
        f"{published.title}, as published and in this run (ours). {of_robust if robust else ''}Difference: ours minus "
        "published. Control: share of predictions that random noise of the same size on the same number of samples "
        f"changes, which the publication does not report. Excess: ours minus control.{of_control} {published.note} "
        f"Published numbers: {publication.source}."
    )
    measures = (ROBUST, *MEASURES) if robust else MEASURES
    return Table("published", caption.replace("  ", " "), [*keys, "metric"], [("", measures)], rows, notes)
