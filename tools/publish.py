"""Publish a run's numbers, never its audio: `python tools/publish.py runs/emodb` fills results/emodb.

Records with their per-clip outcomes, tables, and a page that GitHub shows; its figure.
"""

import shutil
import sys
from pathlib import Path

from staanet.core import records
from staanet.core.errors import StaanetError
from staanet.evaluation import pooled
from staanet.report import figures, summary, tables
from staanet.report.page import Outcomes, beside
from staanet.report.sections import comparisons, perception, published, sections, transfer
from staanet.report.sections import models as models

ROOT = Path(__file__).resolve().parents[1]


def publish(run: Path) -> Path:
    """Copy records and tables of a run, draw its figure, write its page, and return the page's path.

    Raises:
        StaanetError: a toy.
    """
    parts = records.read_all(run)
    if records.toy(run) or any(part.toy for part in parts):
        raise StaanetError(f"{run}: expected results, got a toy, whose numbers are about nothing; run it in full")
    outcomes = Outcomes(run, parts)
    found = pooled(parts, outcomes)
    compared = comparisons.comparisons(found, outcomes)
    cells = beside(run, found, outcomes)
    place = ROOT / "results" / run.name
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(run / "tables", place / "tables")
    (place / "records").mkdir()
    for record in records.contents(run, "records", "*.json"):
        for path in (record, record.with_suffix(".jsonl")):
            shutil.copy(path, place / "records")
    drawn = figures.svg(figures.rates, found, prefix="transfer-")
    picture = place / "figure.svg"
    picture.write_text(str(drawn).replace("<svg ", '<svg style="background: #fff; color: #222" ', 1), encoding="utf-8")
    page = place / "README.md"
    lines = [
        f"# {records.title(run) or run.name}",
        *summary.sentences(found),
        "![ASR of each attack beside its control](figure.svg)",
        *([tables.markdown(published.table(records.published(run), cells))] if cells else []),
        tables.markdown(transfer.transfer(found).printed()),
        tables.markdown(models.table(found)),
        *([tables.markdown(comparisons.table(compared))] if compared else []),
        *(tables.markdown(section.table) for section in sections(run, found, outcomes)),
        *([tables.markdown(perception.table(measured))] if (measured := perception.measured(found)) else []),
        *(f"- **{name}**: {meaning} Raised by {', '.join(cases)}." for name, meaning, cases in summary.flags(found)),
        *(f"- {doubt}" for doubt in summary.doubts(parts)),
        f"Each number follows from [the records](records); [flags](../../docs/flags.md) and "
        f"[what a number says](../../docs/threat-model.md). Made by `staanet run {found[0].experiment}`.",
    ]
    page.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return page


if __name__ == "__main__":
    print(publish(Path(sys.argv[1])))
