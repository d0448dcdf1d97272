"""`staanet report`: tables and page again, from the records."""

from pathlib import Path
from typing import Annotated

import typer


def report(run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder that `staanet run` wrote.")]) -> None:
    """Write the tables and the page again from the records."""
    from staanet import report as room
    from staanet.core.files import check_writable

    if (run / "records").is_dir():
        check_writable(run)
    typer.echo(f"page: {room.write(run)}")
