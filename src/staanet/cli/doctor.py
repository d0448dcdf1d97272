"""`staanet doctor`: show what this installation consists of, and what it lacks."""

from typing import Annotated

import typer

from staanet.cli.options import Json


def doctor(
    as_json: Json = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="Leave out devices and threads, which import torch (seconds).")
    ] = False,
) -> None:
    """Show versions, extras with the command that installs each, devices, memory, corpora and checkpoints."""
    import json

    from rich.console import Console

    from staanet.cli import installation

    found = {
        "versions": installation.versions(),
        "extras": installation.extras(),
        "computer": installation.computer(devices=not fast),
        "corpora": installation.corpora(),
        "checkpoints": installation.checkpoints(),
    }
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    console = Console(highlight=False)
    for heading, lines in installation.sections(found).items():
        console.print(heading, style="bold")
        for line in lines:
            console.print(f"  {line}", markup=False, soft_wrap=True)
