"""Options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from staanet.core.errors import StaanetError
from staanet.core.parsing import parse_toml

Out = Annotated[Path, typer.Option("--out", "-o", help="Output folder.")]
Seed = Annotated[int, typer.Option(help="Random seed.")]
Device = Annotated[str | None, typer.Option(help="Device (default: GPU if available).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Set KEY to VALUE; separate nested keys with dots. Can be repeated.", metavar="KEY=VALUE"
    ),
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Run code that comes with a model (file.py:name, TorchScript, pickles).")
]
SourceSet = Annotated[
    list[str] | None,
    typer.Option(
        "--source-set",
        help="Set KEY of the source model to VALUE, such as sample_rate=8000 or labels.ang=anger. Can be repeated.",
        metavar="KEY=VALUE",
    ),
]
Preset = Annotated[str, typer.Option(help="Training preset: default, or paper (as published).")]


def parsed(settings: Sequence[str] | None) -> dict[str, Any]:
    """Parse `KEY=VALUE` words into a nested dictionary; values that are not valid TOML are kept as strings.

    >>> parsed(["epochs=3", "losses.sparsity=1e-4", "selection=top"])
    {'epochs': 3, 'losses': {'sparsity': 0.0001}, 'selection': 'top'}
    """
    table: dict[str, Any] = {}
    for word in settings or ():
        key, separator, text = word.partition("=")
        if not separator:
            raise StaanetError(f"expected KEY=VALUE, got {word!r}; write for example epochs=3")
        try:
            value = parse_toml(f"value = {text}")["value"]
        except ValueError:
            value = text
        *path, last = key.split(".")
        inner = table
        for part in path:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise StaanetError(f"expected {part} to be either a value or a table, got both; remove {word!r}")
        inner[last] = value
    return table
