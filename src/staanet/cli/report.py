"""`staanet report`: write tables and the page of a run again, write a listening test, or evaluate its results."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """File formats of tables."""

    markdown = "markdown"
    latex = "latex"
    csv = "csv"


def report(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Folder that `staanet run` wrote; with --tables, also a study under results/."
        ),
    ],
    tables: Annotated[
        Path | None,
        typer.Option("--tables", help="Write only the tables, into this folder, and no page.", metavar="FOLDER"),
    ] = None,
    format_: Annotated[
        list[Format] | None,
        typer.Option("--format", help="Format of --tables (default: all); the option can be repeated."),
    ] = None,
    listening_test: Annotated[
        bool, typer.Option("--listening-test", help="Also write a blind listening test of the examples, as one page.")
    ] = False,
    trials: Annotated[
        int | None, typer.Option(help="Trials for each pair of clips in the listening test (default: 2).")
    ] = None,
    listening_results: Annotated[
        list[Path] | None,
        typer.Option(
            help="Result files of the listening test, or folders of them; the option can be repeated.", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Write the tables and the page of a run again from its records.

    With --listening-test or --listening-results, write a listening test or evaluate its results. With --tables, write
    only the tables, in the formats given with --format.
    """
    from staanet import report as reports
    from staanet.core.files import check_writable
    from staanet.core.run import Run
    from staanet.report.listening import results as results
    from staanet.report.listening import test as listening

    _check_options(tables, format_, listening_test or bool(listening_results))
    _check_trials(trials, listening_test)
    opened = Run(run)
    if tables is not None:
        for path in reports.write_tables(opened, tables, format_ or list(Format)):
            typer.echo(f"table: {path}")
        return
    if (run / "records").is_dir():
        check_writable(run)
    test = listening.write(opened, listening.TRIALS if trials is None else trials) if listening_test else None
    if listening_results:
        results.count_results(opened, listening_results)
    page = reports.write(opened)
    if not (listening_test or listening_results):
        for line in reports.lines(opened):
            typer.echo(line)
    if listening_results:
        typer.echo((run / "tables" / "listening.md").read_text(encoding="utf-8"))
    typer.echo(f"page: {page}")
    if test is not None:
        typer.echo(f"listening test: {test}")


def _check_trials(trials: int | None, listening_test: bool) -> None:
    from staanet.core.errors import StaanetError

    if trials is not None and not listening_test:
        raise StaanetError(f"expected --trials only with --listening-test, got --trials {trials}; add --listening-test")


def _check_options(tables: Path | None, formats: list[Format] | None, listening: bool) -> None:
    """Refuse options that do not go together."""
    from staanet.core.errors import StaanetError

    if tables is None and formats:
        raise StaanetError(f"expected --format only with --tables, got --format {formats[0]}; add --tables FOLDER")
    if tables is not None and listening:
        raise StaanetError("expected --tables without options of the listening test, got both; run them separately")
