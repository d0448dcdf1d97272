"""`staanet report`: tables and page again, from the records; a listening test, and what came of it."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder that `staanet run` wrote.")],
    listening_test: Annotated[
        bool, typer.Option("--listening-test", help="Write a blind listening test of the examples, one page.")
    ] = False,
    trials: Annotated[
        int | None, typer.Option(help="Of the listening test, how often each pair is judged; 2 where left out.")
    ] = None,
    listening_results: Annotated[
        list[Path] | None,
        typer.Option(help="Result files of the test, or folders of them; the option can be repeated.", metavar="FILE"),
    ] = None,
) -> None:
    """Write the tables and the page again from the records; make a listening test, or count its results."""
    from staanet import report as room
    from staanet.core.errors import StaanetError
    from staanet.core.files import check_writable
    from staanet.report.listening import results as results
    from staanet.report.listening import test as listening

    if trials is not None and not listening_test:
        raise StaanetError(f"expected --listening-test beside --trials {trials}, found none; add it")
    if (run / "records").is_dir():
        check_writable(run)
    test = None
    if listening_test:
        test = listening.write(run, listening.TRIALS if trials is None else trials)
    if listening_results:
        results.read(run, listening_results)
    page = room.write(run)
    if (published := run / "tables" / "published.md").is_file():
        typer.echo(published.read_text(encoding="utf-8"))
    if listening_results:
        typer.echo((run / "tables" / "listening.md").read_text(encoding="utf-8"))
    typer.echo(f"page: {page}")
    if test is not None:
        typer.echo(f"listening test: {test}")
