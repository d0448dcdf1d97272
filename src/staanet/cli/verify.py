"""`staanet verify`: check that a folder holds what was written and what its figures follow from."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Json


def verify(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Folder that `staanet run` or `staanet evaluate` wrote, or a study under results/."
        ),
    ],
    clips: Annotated[
        int, typer.Option(min=0, help="Clips of each record whose outcomes are computed again from audio and model.")
    ] = 2,
    as_json: Json = False,
) -> None:
    """Verify a run: hash all files, compute records and a sample of outcomes again, and name what does not fit.

    The exit status is 0 if everything fits, and 1 otherwise. Nothing is changed; the command that wrote the folder
    makes again what was damaged.
    """
    import dataclasses
    import json

    from staanet.assessment import verification as evaluations
    from staanet.assessment.runs import FILE
    from staanet.study import verification as studies

    found = evaluations.verify(run) if (run / FILE).is_file() else studies.verify(run, clips)
    if as_json:
        typer.echo(json.dumps({**dataclasses.asdict(found), "folder": str(run), "fits": found.fits}, indent=2))
    else:
        for line in found.lines():
            typer.echo(line)
    raise typer.Exit(0 if found.fits else 1)
