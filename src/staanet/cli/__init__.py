"""The command line: one file per verb. Nothing here imports torch until a verb runs."""

import logging
import sys
import warnings
from typing import Annotated

import typer

import staanet
from staanet.cli.attack import attack
from staanet.cli.demo import demo
from staanet.cli.export import export
from staanet.cli.fit import fit
from staanet.cli.import_ import import_
from staanet.cli.list import list_
from staanet.cli.prepare import prepare
from staanet.cli.report import report
from staanet.cli.run import run
from staanet.cli.train import train
from staanet.core.errors import StaanetError

app = typer.Typer(
    name="staanet",
    help="Measure, and then improve, the adversarial robustness of speech-emotion-recognition models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (demo, run, prepare, train, fit, attack, report, export):
    app.command()(verb)
app.command("list")(list_)
app.add_typer(import_, name="import")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(staanet.__version__)
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,  # noqa: ARG001
) -> None:
    """Measure, and then improve, the adversarial robustness of speech-emotion-recognition models."""
    from rich.logging import RichHandler

    from staanet.core.progress import console

    handler: logging.Handler = logging.StreamHandler()  # a file or a pipe gets a message as one line, however long
    if console.is_terminal:
        handler = RichHandler(console=console, show_time=False, show_level=False, show_path=False, markup=False)
    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, format="%(message)s", handlers=[handler])
    logging.captureWarnings(True)
    warnings.formatwarning = lambda message, *_, **__: str(message)


def main() -> None:
    """Run the command line; a mistake of the user's is one line and exit status 2."""
    try:
        app()
    except StaanetError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"staanet: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("staanet: interrupted; run the same command again to go on", err=True)
        sys.exit(130)
