"""The command line, one file per command. Nothing here imports torch until a command runs."""

import logging
import sys
import warnings
from typing import Annotated

import typer

import staanet
from staanet.cli.attack import attack
from staanet.cli.compare import SeveralRuns, compare
from staanet.cli.demo import demo
from staanet.cli.evaluate import evaluate
from staanet.cli.export import export
from staanet.cli.fit import fit
from staanet.cli.import_ import import_
from staanet.cli.list import list_
from staanet.cli.prepare import prepare
from staanet.cli.renamed import refuse_old_names
from staanet.cli.report import report
from staanet.cli.run import run
from staanet.cli.train import train
from staanet.core.errors import StaanetError

app = typer.Typer(
    name="staanet",
    help="Measure and improve the adversarial robustness of speech emotion recognition models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (demo, evaluate, run, prepare, train, fit, attack, report, export):
    app.command()(command)
app.command(cls=SeveralRuns)(compare)
app.command("list")(list_)
app.add_typer(import_, name="import")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(staanet.__version__)
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")] = False,  # noqa: ARG001
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings and errors.")] = False,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Measure and improve the adversarial robustness of speech emotion recognition models."""
    from rich.logging import RichHandler

    from staanet.core.progress import console

    handler: logging.Handler = logging.StreamHandler()  # one line per message in files and pipes, however long
    if console.is_terminal:
        handler = RichHandler(console=console, show_time=False, show_level=False, show_path=False, markup=False)
    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, format="%(message)s", handlers=[handler])
    logging.captureWarnings(True)
    warnings.formatwarning = lambda message, *_, **__: str(message)


def main() -> None:
    """Run the command line. A user error prints one line and exits with status 2."""
    try:
        refuse_old_names(sys.argv[1:])
        app()
    except StaanetError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"staanet: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("staanet: interrupted; run the same command again to resume", err=True)
        sys.exit(130)
