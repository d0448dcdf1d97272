"""The command line, one file per command. Nothing here imports torch until a command runs."""

import logging
import sys
import warnings
from typing import Annotated

import typer

import staanet
from staanet.cli.attack import attack
from staanet.cli.certify import certify
from staanet.cli.cite import cite
from staanet.cli.compare import SeveralRuns, compare
from staanet.cli.defend import defend
from staanet.cli.demo import demo
from staanet.cli.doctor import doctor
from staanet.cli.evaluate import evaluate
from staanet.cli.export import export
from staanet.cli.fit import fit
from staanet.cli.fit_purifier import fit_purifier
from staanet.cli.harden import harden
from staanet.cli.help import Commands
from staanet.cli.import_ import import_
from staanet.cli.list import list_
from staanet.cli.prepare import prepare
from staanet.cli.renamed import refuse_old_names
from staanet.cli.report import report
from staanet.cli.run import run
from staanet.cli.train import train
from staanet.cli.verify import verify
from staanet.cli.web import web
from staanet.core.errors import StaanetError
from staanet.core.foreign import told
from staanet.core.text import plain

app = typer.Typer(
    name="staanet",
    cls=Commands,
    help="Measure and improve the adversarial robustness of speech emotion recognition models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help as plain text, which takes half the time
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
for main_command in (demo, evaluate, certify, defend, harden, fit_purifier):
    app.command()(main_command)
for step_command in (run, prepare, train, fit, attack, report, export):
    app.command()(step_command)
app.command(cls=SeveralRuns)(compare)
app.command("list")(list_)
for other_command in (verify, web, cite, doctor):
    app.command()(other_command)
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
    from staanet.core.progress import console

    handler: logging.Handler = logging.StreamHandler()  # one line per message in files and pipes, however long
    if console.is_terminal:
        from rich.logging import RichHandler

        handler = RichHandler(console=console, show_time=False, show_level=False, show_path=False, markup=False)
    handler.setFormatter(_OneLine("%(message)s"))
    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, handlers=[handler])
    logging.captureWarnings(True)
    warnings.formatwarning = lambda message, *_, **__: str(message)


class _OneLine(logging.Formatter):
    """Writes each message on one line without control characters, which names of files may contain."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return plain(super().formatMessage(record))


def main() -> None:
    """Run the command line. A user error is printed without a traceback, and the exit status is 2."""
    try:
        refuse_old_names(sys.argv[1:])
        app()
    except KeyboardInterrupt:
        typer.echo("staanet: interrupted; run the same command again to resume", err=True)
        sys.exit(130)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        _show(told(error))
        sys.exit(2)


def _show(error: StaanetError) -> None:
    """Print an error: one line in files and pipes; in a terminal, what to do is on a line of its own."""
    from rich.padding import Padding
    from rich.text import Text

    from staanet.core.progress import console

    what, separator, hint = str(error).rpartition("; ")
    if not console.is_terminal or not separator:
        typer.echo(f"staanet: {error}", err=True)
        return
    console.print(Text.assemble(("staanet: ", "bold red"), what))
    console.print(Padding(Text(hint, "bold"), (0, 0, 0, len("staanet: "))))
