"""`staanet list`: list what is available."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from staanet.cli.catalogue import Kind
from staanet.cli.options import Json

SHORT = ("access", "severities", "licence", "form", "unit")
"""Columns that a table has besides name and summary; `--long` prints all."""


def list_(
    kind: Annotated[Kind | None, typer.Argument(help="What to list (default: the names of everything).")] = None,
    long: Annotated[bool, typer.Option("--long", "-l", help="Print every detail of every entry.")] = False,
    as_json: Json = False,
) -> None:
    """List what is available of a kind, such as attacks, models, corpora, defences, detectors or loaders."""
    import json

    from rich.console import Console

    from staanet.cli.catalogue import listed

    rows = {kind.value: listed(kind) for kind in ([kind] if kind else Kind)}
    if as_json:
        typer.echo(json.dumps(rows[kind.value] if kind else rows, indent=2))
        return
    console = Console(highlight=False)
    if kind is None and not long:
        console.print(_table({"kind": name, "names": ", ".join(row["name"] for row in rows[name])} for name in rows))
    elif long:
        for row in (row for several in rows.values() for row in several):
            _print_entry(console, row)
    else:
        (several,) = rows.values()
        shown = [key for key in several[0] if key in ("name", "summary") or key in SHORT]
        console.print(_table({key: row[key] for key in shown} for row in several))


def _table(rows: Iterable[Mapping[str, Any]]) -> Any:
    """Return a table as wide as the terminal; the first column is never wrapped."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        if not table.columns:
            for key in row:
                first = not table.columns
                table.add_column(_heading(key), no_wrap=first, overflow="fold", style="bold" if first else None)
        table.add_row(*(Text(_as_text(value)) for value in row.values()))
    return table


def _print_entry(console: Any, row: Mapping[str, Any]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Text(row["name"], "bold"))
    for key, value in row.items():
        if key not in ("name", "cites") and value != "":
            text = _as_text(value) if key == "summary" else f"{_heading(key)}: {_as_text(value)}"
            console.print(Padding(Text(text), (0, 0, 0, 4)))
    if row["cites"]:
        console.print(Padding(Text(f"BibTeX: staanet cite {row['name']}"), (0, 0, 0, 4)))


def _heading(key: str) -> str:
    return {"reference": "source"}.get(key, key).replace("_", " ").capitalize()


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
