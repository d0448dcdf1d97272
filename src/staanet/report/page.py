"""One run's records and examples -> its tables and its page."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from staanet.core import records
from staanet.core.files import whole
from staanet.core.records import Record
from staanet.report import examples, figures, summary, tables
from staanet.report.wording import case, columns, unique

PAGE = Environment(
    loader=PackageLoader("staanet.report", ""),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("page.html.j2")


def write(run: Path) -> Path:
    """Write a run's tables and its page from its records and examples, and return the page's path.

    Raises:
        StaanetError: there are no records, or what is there cannot be read.
    """
    found = records.read_all(run)
    clips = examples.read_all(run)
    transfer = tables.transfer(found)
    page = run / "report" / "index.html"
    for path, text in {
        run / "tables" / "transfer.md": tables.markdown(transfer),
        run / "tables" / "transfer.tex": tables.latex(transfer),
        run / "tables" / "transfer.csv": tables.comma_separated(found, tables.TRANSFER_FIELDS),
        run / "tables" / "records.csv": tables.comma_separated(found, tables.ALL_FIELDS),
        page: _html(records.title(run) or ", ".join(unique(r.experiment for r in found)), found, clips, transfer),
    }.items():
        with whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return page


def _html(title: str, found: list[Record], clips: list[examples.Example], transfer: tables.Transfer) -> str:
    lead, fields = summary.leading(found), columns(found)
    return PAGE.render(
        title=title,
        summary=summary.sentences(found),
        lead=case(lead, fields),
        transfer=transfer,
        rates=tables.RATES,
        measures=tables.MEASURES,
        figures={
            draw.__name__: figures.svg(draw, found, prefix=draw.__name__)
            for draw in (figures.rates, figures.costs, figures.predictions, figures.classes)
        },
        examples=clips,
        flags=summary.flags(found),
        flagged=sum(bool(r.flags) for r in found),
        doubts=summary.doubts(found),
        notes=summary.notes(found),
        origins=_origins(found),
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
