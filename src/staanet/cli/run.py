"""`staanet run`: run an experiment."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.catalogue import Kind
from staanet.cli.completion import names_of
from staanet.cli.options import Address, Device, Engine, Json, Trust, Workers


def run(
    experiment: Annotated[
        str,
        typer.Argument(
            help="Name of a packaged experiment (smoke, emodb, ...) or a TOML file.",
            autocompletion=names_of(Kind.EXPERIMENTS),
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Output folder (default: runs/EXPERIMENT).")] = None,
    root: Annotated[Path | None, typer.Option(help="Folder of the corpus (default: $STAANET_CORPORA/NAME).")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove existing results and run everything again.")] = False,
    device: Device = None,
    toy: Annotated[
        bool, typer.Option("--toy", help="Try the experiment in minutes, on synthetic speech and with tiny networks.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Attack all test clips, even where the experiment selects some.")
    ] = False,
    trust: Trust = False,
    engine: Engine = "local",
    workers: Workers = None,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Run an experiment and write its records, tables and HTML report. Existing results are reused."""
    import dataclasses
    import json

    from staanet import engines, report, study
    from staanet.core.run import Run

    chosen = engines.chosen(engine, workers, address)
    folder = out or study.folder_of(experiment, toy)
    records = study.run(
        experiment, folder, root=root, fresh=fresh, device=device, toy=toy, full=full, trust=trust, engine=chosen
    )
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(record) for record in records]))
        return
    for line in report.lines(Run(folder)):
        typer.echo(line)
    typer.echo(f"page: {folder / 'report' / 'index.html'}")
