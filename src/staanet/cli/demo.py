"""`staanet demo`: run the packaged experiment `smoke` on synthetic speech."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Device
from staanet.cli.run import run


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder.")] = Path("runs/demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove existing results and run everything again.")] = False,
    device: Device = None,
) -> None:
    """Train, attack and report on built-in synthetic speech, offline, in a few minutes on two cores."""
    run("smoke", out=out, fresh=fresh, device=device)
