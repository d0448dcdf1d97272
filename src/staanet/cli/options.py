"""Options that several verbs share."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from staanet.core.errors import StaanetError

Out = Annotated[Path, typer.Option("--out", "-o", help="Where the result goes.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; the accelerator where there is one.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting, KEY=VALUE; a dot reaches into a table.", metavar="KEY=VALUE"),
]
Preset = Annotated[str, typer.Option(help="default, or paper: as published.")]


def parsed(settings: Sequence[str] | None) -> dict[str, Any]:
    """Return `KEY=VALUE` words as a nested table; values are read as TOML, anything else is text.

    >>> parsed(["epochs=3", "losses.sparsity=1e-4", "selection=top"])
    {'epochs': 3, 'losses': {'sparsity': 0.0001}, 'selection': 'top'}
    """
    table: dict[str, Any] = {}
    for word in settings or ():
        key, separator, text = word.partition("=")
        if not separator:
            raise StaanetError(f"expected --set KEY=VALUE, got {word!r}")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        *path, last = key.split(".")
        inner = table
        for part in path:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise StaanetError(f"expected {part} as a value or as a table, got both; remove one --set of {word!r}")
        inner[last] = value
    return table
