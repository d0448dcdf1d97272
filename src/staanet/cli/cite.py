"""`staanet cite`: print BibTeX."""

from collections.abc import Iterator
from typing import Annotated

import typer

from staanet.cli.completion import every_name


def cite(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Names of attacks, corpora, models, ... (`staanet list`), or `all` (default: the library).",
            show_default=False,
            autocompletion=every_name,
        ),
    ] = None,
) -> None:
    """Print the BibTeX of the library, or of the papers behind attacks, corpora, models, corruptions or defences."""
    from staanet.cli.bibliography import LIBRARY, bibliography

    entries = bibliography()
    keys: dict[str, None] = dict.fromkeys(() if names else (LIBRARY,))
    for name in names or ():
        for comment, cited in [("% all", list(entries))] if name == "all" else _sources(name):
            typer.echo(comment, err=True)
            keys |= dict.fromkeys(cited)
    typer.echo("\n\n".join(entries[key] for key in keys))


def _sources(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield a comment and the BibTeX keys for each entry of this name; those without a paper cite the library."""
    from staanet.cli.bibliography import LIBRARY
    from staanet.cli.catalogue import Kind, listed, names
    from staanet.core.errors import unknown_name

    rows = [(kind, row) for kind in Kind for row in listed(kind) if row["name"] == name]
    if not rows:
        raise unknown_name("name", name, sorted({other for kind in Kind for other in names(kind)}))
    for kind, row in rows:
        if row["cites"]:
            yield f"% {name} ({kind.value}): {', '.join(row['cites'])}", row["cites"]
        else:
            yield f"% {name} ({kind.value}): no paper of its own; cite the library", [LIBRARY]
