"""`staanet demo`: the whole story on a corpus that the library makes itself."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Device
from staanet.cli.run import run


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Where everything is written.")] = Path("runs/demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Make everything again.")] = False,
    device: Device = None,
) -> None:
    """Show the whole story on built-in synthetic speech, offline, in minutes on two cores."""
    run("smoke", out=out, fresh=fresh, device=device)
