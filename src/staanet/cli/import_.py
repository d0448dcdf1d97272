"""`staanet import`: checkpoints and adversarial sets of the STAA-Net authors' code."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Device, Json, Out, Seed

import_ = typer.Typer(help="Take over what the STAA-Net authors' code wrote.", no_args_is_help=True)

StateDict = Annotated[Path, typer.Argument(metavar="FILE", help="A state dict, as torch.save wrote it.")]
Labels = Annotated[str, typer.Option(help="The emotions in the order of the class numbers, with commas between them.")]


@import_.command()
def model(
    file: StateDict,
    out: Out,
    labels: Labels,
    seconds: Annotated[float, typer.Option(help="The trained length: 6.0 for the paper's on DEMoS, 8.7 on IEMOCAP.")],
) -> None:
    """Make a checkpoint of an Emo18 or a Zhao19."""
    from staanet.tasks import exchange

    made = exchange.import_model(file, out, _split(labels), seconds)
    typer.echo(f"{out}: {made.name}, {', '.join(made.labels)}, {seconds:g} s")


@import_.command()
def generator(file: StateDict, out: Out) -> None:
    """Make a checkpoint of a generator (netG_*.pth)."""
    from staanet.tasks import exchange

    made = exchange.import_generator(file, out)
    typer.echo(f"{out}: {made.name}, channels {', '.join(map(str, made.settings.channels))}")


@import_.command()
def adversarial(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="HDF5 with x_org, x_adv and y.")],
    targets: Annotated[
        list[Path], typer.Option("--target", help="A model to evaluate it on; can be repeated.", metavar="MODEL")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="A run's folder; what it holds already stays.")],
    attack: Annotated[str | None, typer.Option(help="What it is called; the file's name where left out.")] = None,
    source: Annotated[str, typer.Option(help="What it was made on.")] = "unknown",
    labels: Labels = "",
    seed: Seed = 0,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Evaluate an adversarial set on models of ours, beside its noise control."""
    import dataclasses
    import json

    from staanet.core.provenance import device_of
    from staanet.tasks import exchange

    records = exchange.import_adversarial(
        file,
        out,
        targets,
        attack=attack or file.stem,
        source=source,
        labels=_split(labels),
        seed=seed,
        device=device_of(device),
    )
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(record) for record in records]))
        return
    typer.echo((out / "tables" / "transfer.md").read_text(encoding="utf-8"))
    typer.echo(f"page: {out / 'report' / 'index.html'}")


def _split(labels: str) -> list[str]:
    return [label.strip() for label in labels.split(",") if label.strip()]
