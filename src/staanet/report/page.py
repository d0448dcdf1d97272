"""One run's records and examples -> its tables and its page."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from staanet.core import records
from staanet.core.files import atomic_write, read_json
from staanet.core.records import Record
from staanet.evaluation import pooled
from staanet.evaluation.case import Rows
from staanet.report import examples, figures, summary, tables
from staanet.report.listening import results as listening_results
from staanet.report.listening import tables as listening_tables
from staanet.report.sections import Section, comparisons, perception, published, sections, transfer
from staanet.report.sections import models as models
from staanet.report.sections.gender import groups
from staanet.report.templates import TEMPLATES
from staanet.report.wording import case, columns, unique

PAGE = TEMPLATES.get_template("page.html.j2")


def write(run: Path) -> Path:
    """Write a run's tables and its page from its records and examples, and return the page's path.

    Raises:
        StaanetError: there are no records, or what is there cannot be read.
    """
    parts = records.read_all(run)
    outcomes = Outcomes(run, parts)
    found = pooled(parts, outcomes)
    compared = comparisons.comparisons(found, outcomes)
    measured = perception.measured(found)
    heard = listening_results.found(run)
    further = sections(run, found, outcomes)
    cells = beside(run, found, outcomes)
    page, folder = run / "report" / "index.html", run / "tables"
    for path, text in {
        **(listening_tables.files(folder, heard) if heard else {}),
        **_files(folder, lambda: published.table(records.published(run), cells), cells, published.FIELDS),
        **_files(folder, lambda: transfer.transfer(found).printed(), found, transfer.FIELDS),
        **_files(folder, lambda: models.table(found), models.standings(found), models.FIELDS),
        **_files(folder, lambda: comparisons.table(compared), compared, comparisons.FIELDS),
        **_files(folder, lambda: perception.table(measured), measured, perception.FIELDS),
        **{
            path: text
            for section in further
            for path, text in _printed(folder, section.table, section.rows, section.fields).items()
        },
        **({folder / "records.csv": tables.comma_separated(found, tables.ALL_FIELDS)} if found else {}),
        page: _html(run, found, parts, compared, cells, heard, further),
    }.items():
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return page


def beside(run: Path, found: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[published.Beside]:
    """Return the published table of a run's experiment beside its own figures; nothing where it names none.

    Args:
        run: its folder.
        found: its records, pooled.
        outcomes: returns the rows of a record.
    """
    name = records.published(run)
    grouped = groups(found, outcomes) if records.by_gender(run) else []
    splits = [read_json(path) for path in records.contents(run, "splits", "*.json")]
    return published.beside(name, published.facts(found, splits, grouped)) if name else []


class Outcomes:
    """The per-clip rows of a run's records, those of pooled ones put together, each file read once.

    Args:
        run: its folder.
        parts: its records, a fold each.
    """

    def __init__(self, run: Path, parts: Sequence[Record]) -> None:
        self._run = run
        self._parts = {part.signature: part for part in parts}
        self._rows: dict[str, Rows] = {}

    def __call__(self, record: Record) -> Rows:
        """Return the rows of a record."""
        rows: Rows = []
        for signature in record.pooled or [record.signature]:
            if signature not in self._rows:
                self._rows[signature] = records.outcomes(self._run, self._parts[signature])
            rows += self._rows[signature]
        return rows


def _files(
    folder: Path, arrange: Callable[[], tables.Table], rows: Sequence[Any], fields: Sequence[str]
) -> dict[Path, str]:
    """Return a table as it is printed, and its rows in full, by their places; nothing where there are no rows."""
    return _printed(folder, arrange(), rows, fields) if rows else {}


def _printed(folder: Path, table: tables.Table, rows: Sequence[Any], fields: Sequence[str]) -> dict[Path, str]:
    return {
        folder / f"{table.label}.md": tables.markdown(table),
        folder / f"{table.label}.tex": tables.latex(table),
        folder / f"{table.label}.csv": tables.comma_separated(rows, fields),
    }


def _html(
    run: Path,
    found: list[Record],
    parts: list[Record],
    compared: list[comparisons.Comparison],
    cells: list[published.Beside],
    heard: listening_results.Counts | None,
    further: list[Section],
) -> str:
    fields = columns(found)
    measured = perception.measured(found)
    return PAGE.render(
        title=records.title(run) or ", ".join(unique(r.experiment for r in found)),
        summary=summary.sentences(found) if found else [],
        lead=case(summary.leading(found), fields) if found else "",
        transfer=transfer.transfer(found) if found else None,
        models=models.table(found) if found else None,
        toy=records.toy(run) or any(r.toy for r in found),
        published=published.table(records.published(run), cells) if cells else None,
        comparisons=comparisons.table(compared) if compared else None,
        further=further,
        perception=perception.table(measured) if measured else None,
        rates=transfer.RATES,
        measures=transfer.MEASURES,
        figures={
            draw.__name__: figures.svg(draw, found, prefix=draw.__name__)
            for draw in (figures.rates, figures.costs, figures.predictions, figures.classes)
            if found
        },
        examples=examples.read_all(run),
        listening=heard and listening_tables.section(heard),
        flags=summary.flags(found),
        flagged=sum(bool(r.flags) for r in found),
        doubts=summary.doubts(parts),
        notes=summary.notes(found),
        origins=_origins(parts),
        settings=_settings(found, fields),
        count=len(found),
    )


def _origins(found: list[Record]) -> dict[str, str]:
    """Return what the records were made with, each value once."""
    trees = {True: "clean", False: "with uncommitted changes", None: "state not recorded"}
    versions = unique(", ".join(f"{name} {version}" for name, version in r.versions.items()) for r in found)
    return {
        "Versions": "; ".join(versions),
        "Commit": "; ".join(unique(f"{r.commit or 'not recorded'} (tree {trees[r.tree_clean]})" for r in found)),
        "Device": "; ".join(unique(r.device for r in found)),
    }


def _settings(found: list[Record], fields: list[str]) -> list[tuple[list[str], Any]]:
    """Return each set of settings as JSON, with the records that share it."""
    texts = [json.dumps(r.settings, indent=2, ensure_ascii=False) for r in found]
    return [
        ([case(r, fields) for r, own in zip(found, texts, strict=True) if own == text], text) for text in unique(texts)
    ]
