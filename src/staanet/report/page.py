"""The files of a report: the tables and the page of a run."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from staanet.core.errors import StaanetError
from staanet.core.files import write_text
from staanet.core.records import Record
from staanet.core.run import Run, as_run
from staanet.report import charts, examples, figures, summary, tables
from staanet.report.listening import results as listening_results
from staanet.report.listening import tables as listening_tables
from staanet.report.results import Results
from staanet.report.sections import sections_of
from staanet.report.templates import page as html_page
from staanet.report.wording import case, columns, unique

RECORDS_FILE = "records.csv"
"""Name of the table with every field of every record, folds pooled."""


def write(run: Run | str | Path) -> Path:
    """Write the tables and the page of a run from its records and examples, and return the path of the page.

    Args:
        run: The run, or its folder.

    Raises:
        StaanetError: The folder holds no records, its files cannot be read, or it is a published study.
    """
    run = as_run(run)
    if run.is_published:
        raise StaanetError(
            f"{run.folder}: expected the folder that `staanet run` wrote, got a published study, whose tables can only "
            "be written to another folder; add --tables FOLDER"
        )
    results = Results.read(run)
    sections = sections_of(results)
    counts = listening_results.read_counts(run)
    folder, page = run.folder / "tables", run.folder / "report" / "index.html"
    files = dict(tables.section_files(sections, folder))
    if counts is not None:
        files |= listening_tables.files(folder, counts)
    if results.records:
        files[folder / RECORDS_FILE] = tables.comma_separated(results.records, tables.ALL_FIELDS)
    files[page] = _page(results, sections, counts)
    _write_files(files)
    return page


def write_tables(run: Run | str | Path, folder: str | Path, formats: Iterable[str] = tables.FORMATS) -> list[Path]:
    """Write the tables of a run or of a published study into a folder, without a page, and return their paths.

    In CSV there is also a table of all fields of all records, with folds pooled.

    Args:
        run: The run, or its folder.
        folder: Folder of the tables, which is created if it does not exist.
        formats: File formats, from `markdown`, `latex` and `csv`.

    Raises:
        StaanetError: The run holds no records, or its files cannot be read.
    """
    results, formats = Results.read(as_run(run)), list(formats)
    files = dict(tables.section_files(sections_of(results), Path(folder), formats))
    if "csv" in formats and results.records:
        files[Path(folder) / RECORDS_FILE] = tables.comma_separated(results.records, tables.ALL_FIELDS)
    _write_files(files)
    return list(files)


def _write_files(files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        write_text(path, text)


def _page(results: Results, sections: list[tables.Section], counts: listening_results.Counts | None) -> str:
    run, records = results.run, results.records
    fields = columns(records)
    return html_page(
        "page.html.j2",
        title=run.title or ", ".join(unique(record.experiment for record in records)),
        toy=run.toy or any(record.toy for record in records),
        summary=summary.sentences(results) if records else [],
        leading=case(results.lead, fields) if records else "",
        sections=sections,
        formats={name: suffix for name, (suffix, _) in tables.FORMATS.items()},
        figures=_figures(results) if records else {},
        costs=charts.costs(records) if records else [],
        examples=examples.read_examples(run),
        listening=counts and listening_tables.section(counts),
        flags=summary.flags(records),
        most_named=summary.MOST_NAMED,
        flagged=sum(bool(record.flags) for record in records),
        left_out=run.layout.left_out,
        warnings=summary.provenance_warnings(results.parts),
        notes=summary.notes(records),
        provenance=_provenance(results.parts),
        settings=_settings(records, fields),
        count=len(records),
    )


def _figures(results: Results) -> dict[str, Markup]:
    """Return the figures by name: two of all records, and two of the case that the summary is about."""
    of_all, of_lead = (figures.rates, figures.costs), (figures.predictions, figures.classes)
    return {
        **{draw.__name__: figures.svg(draw, results.records, prefix=draw.__name__) for draw in of_all},
        **{draw.__name__: figures.svg(draw, results.lead, prefix=draw.__name__) for draw in of_lead},
    }


def _provenance(records: list[Record]) -> dict[str, str]:
    """Return the versions, commits and devices of some records, each value once."""
    trees = {True: "clean", False: "with uncommitted changes", None: "state not recorded"}
    versions = unique(", ".join(f"{name} {version}" for name, version in r.versions.items()) for r in records)
    return {
        "Versions": "; ".join(versions),
        "Commit": "; ".join(unique(f"{r.commit or 'not recorded'} (tree {trees[r.tree_clean]})" for r in records)),
        "Device": "; ".join(unique(r.device for r in records)),
    }


def _settings(records: list[Record], fields: list[str]) -> list[tuple[list[str], Any]]:
    """Return the different settings as JSON, each with the names of the records that share it."""
    texts = [json.dumps(r.settings, indent=2, ensure_ascii=False) for r in records]
    return [
        ([case(r, fields) for r, own in zip(records, texts, strict=True) if own == text], text)
        for text in unique(texts)
    ]
