"""The reference of the command line, generated from its own declarations."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import docstrings
import typer.main

from staanet.cli import app


def page() -> str:
    """Return the page with every command, argument and option."""
    command = typer.main.get_command(app)
    introduction = (
        "# Command line\n\n`staanet --install-completion` installs completion of commands, options and names for "
        "bash, zsh or fish. `staanet COMMAND --help` prints what this page lists.\n"
    )
    return "\n".join([introduction, *_commands("staanet", command)])


def _commands(name: str, command: Any) -> Iterator[str]:
    """Yield the sections of a command and of the commands in it."""
    context = command.make_context(name, [], resilient_parsing=True)
    yield f"\n## `{name}`\n\n{docstrings.markdown_of(inspect.cleandoc(command.help or ''))}\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{name} {usage}\n```\n"
    rows = [_row(parameter, context) for parameter in command.get_params(context)]
    yield from _list(row for row in rows if row)
    for inner, several in getattr(command, "commands", {}).items():
        if not several.hidden:
            yield from _commands(f"{name} {inner}", several)


def _row(parameter: Any, context: Any) -> tuple[str, str] | None:
    record = parameter.get_help_record(context)
    if record:
        return record
    return (parameter.make_metavar(context), parameter.help or "") if getattr(parameter, "help", None) else None


def _list(rows: Any) -> Iterator[str]:
    for name, text in rows:
        plain = re.sub(r"\s+", " ", text).replace("[", "\\[").replace("*", "\\*")
        yield f"- `{' '.join(name.split())}`: {plain}"
    yield ""
