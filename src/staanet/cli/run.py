"""`staanet run`: an experiment from its file to its page."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Device, Json


def run(
    experiment: Annotated[str, typer.Argument(help="A packaged name (smoke, emodb) or a TOML file.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder; runs/EXPERIMENT where left out.")] = None,
    root: Annotated[Path | None, typer.Option(help="The corpus; $STAANET_CORPORA/NAME where left out.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make everything again.")] = False,
    device: Device = None,
    toy: Annotated[
        bool, typer.Option("--toy", help="Rehearse it in minutes: synthetic speech, tiny networks; no results.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Attack all test clips, where it takes some.")] = False,
    as_json: Json = False,
) -> None:
    """Run an experiment: find what exists, make what is missing, write the tables and the page."""
    import dataclasses
    import json

    from staanet import study

    folder = out or study.folder_of(experiment, toy)
    records = study.run(experiment, folder, root=root, fresh=fresh, device=device, toy=toy, full=full)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(record) for record in records]))
        return
    for table in ("published", "transfer"):
        if (path := folder / "tables" / f"{table}.md").is_file():
            typer.echo(path.read_text(encoding="utf-8"))
    typer.echo(f"page: {folder / 'report' / 'index.html'}")
