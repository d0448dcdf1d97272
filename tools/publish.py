"""Publish the results of runs: `python tools/publish.py runs/emodb` writes `results/emodb`, without any audio.

The folder of a study is replaced as a whole. It receives all records and outcomes, the tables in Markdown, a figure,
and a page for code hosts. A published study can be given as well; then its tables and page are written again.
"""

import re
import sys
from pathlib import Path

from staanet.core.errors import StaanetError
from staanet.core.files import atomic_write, read_json, write_json
from staanet.core.run import Run
from staanet.core.settings import validated
from staanet.core.signature import to_jsonable
from staanet.report import figures, summary
from staanet.report.listening import tables as listening_tables
from staanet.report.listening.results import COUNTS, Counts, read_counts
from staanet.report.results import Results
from staanet.report.sections import sections_of
from staanet.report.tables import markdown, section_files

RESULTS = Path(__file__).resolve().parents[1] / "results"


def publish(run: Run, place: Path) -> Path:
    """Write the published form of a run with its tables, its figure and its page, and return the path of the page.

    Args:
        run: The run.
        place: Folder of the study, which is replaced as a whole.

    Raises:
        StaanetError: The run is a toy run or has no records.
    """
    if run.toy or any(record.toy for record in run.records):
        raise StaanetError(
            f"{run.folder}: expected the results of speech corpora, got a toy run on synthetic speech; run the "
            "experiment without --toy"
        )
    if not run.records:
        raise StaanetError(f"{run.folder}: expected records to publish, found none; run an experiment with attacks")
    results = Results.read(run)
    with atomic_write(place) as folder:
        folder.mkdir()
        run.publish(folder)
        _write_tables(results, folder)
        (folder / "figure.svg").write_text(figure(results), encoding="utf-8")
        (folder / "README.md").write_text(page(results), encoding="utf-8")
    return place / "README.md"


def page(results: Results) -> str:
    """Return the page of a study in Markdown."""
    records = results.records
    lines = [
        f"# {results.run.title or results.run.folder.name}",
        *summary.sentences(results),
        "![Robust accuracy, ASR and control of each attack](figure.svg)",
        *(markdown(section.table) for section in sections_of(results)),
        *(
            f"- **{name}**: {meaning} Raised by {summary.listed(cases)}."
            for name, meaning, cases in summary.flags(records)
        ),
        *(f"- {warning}" for warning in summary.provenance_warnings(results.parts)),
        "All numbers are computed from [the records](records.jsonl) and [the outcome of every clip](outcomes.parquet). "
        "See also [the flags](../../docs/flags.md) and [the threat model](../../docs/threat-model.md). "
        f"`staanet run {records[0].experiment}` makes these results again.",
    ]
    return "\n\n".join(lines) + "\n"


def figure(results: Results) -> str:
    """Return the figure as SVG on a white background, without the indentation and line breaks of its source."""
    drawn = str(figures.svg(figures.rates, results.records, prefix="transfer"))
    drawn = drawn.replace("<svg ", '<svg style="background: #fff; color: #222" ', 1)
    drawn = re.sub(r'\bd="[^"]*"', lambda path: " ".join(path.group().split()), drawn)
    return re.sub(r"\n\s*", "\n", drawn) + "\n"


def _write_tables(results: Results, folder: Path) -> None:
    """Write the tables of all sections and of the listening test, if there was one."""
    files = dict(section_files(sections_of(results), folder / "tables", ["markdown"]))
    counts = _listening_counts(results.run)
    if counts is not None:
        write_json(folder / COUNTS, to_jsonable(counts))
        listed = listening_tables.files(folder / "tables", counts)
        files |= {path: text for path, text in listed.items() if path.suffix == ".md"}
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def _listening_counts(run: Run) -> Counts | None:
    """Return the counts of the listening test; of a published study without comparing them with its clips, now gone."""
    path = run.folder / COUNTS
    if not run.is_published or not path.is_file():
        return read_counts(run)
    return validated(Counts, read_json(path), str(path))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(publish(Run(name), RESULTS / Path(name).resolve().name))
