"""`staanet import`: import files of the original STAA-Net code, and the encoder of Whisper."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.help import Commands
from staanet.cli.options import Device, Json, Out, Seed, Trust

import_ = typer.Typer(
    cls=Commands,
    help="Import checkpoints and adversarial sets from the original STAA-Net code, or Whisper.",
    no_args_is_help=True,
)

StateDict = Annotated[Path, typer.Argument(metavar="FILE", help="State dict written by torch.save.")]
Labels = Annotated[str, typer.Option(help="Comma-separated emotions, in the order of the class numbers.")]


@import_.command()
def model(
    file: StateDict,
    out: Out,
    labels: Labels,
    seconds: Annotated[
        float, typer.Option(help="Trained length in seconds (in the paper 6.0 on DEMoS, 8.7 on IEMOCAP).")
    ],
) -> None:
    """Import an Emo18 or Zhao19 model."""
    from staanet.tasks import exchange

    made = exchange.import_model(file, out, _split(labels), seconds)
    typer.echo(f"{out}: {made.name}, {', '.join(made.labels)}, {seconds:g} s")


@import_.command()
def generator(file: StateDict, out: Out) -> None:
    """Import a generator (netG_*.pth)."""
    from staanet.tasks import exchange

    made = exchange.import_generator(file, out)
    typer.echo(f"{out}: {made.name}, channels {', '.join(map(str, made.settings.channels))}")


@import_.command()
def whisper(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Folder of faster-whisper: model.bin, or its parts model.bin.part1, ..."),
    ],
    out: Out,
) -> None:
    """Import the encoder of Whisper from a folder of faster-whisper (CTranslate2) as a Hugging Face checkpoint."""
    from staanet.tasks.whisper import import_whisper

    made = import_whisper(folder, out)
    sizes = f"{made['encoder_layers']} layers of {made['d_model']}, {made['num_mel_bins']} mel bands"
    typer.echo(f"{out}: encoder of Whisper, {sizes}; SHA-256 of model.bin {made['sha256']}")


@import_.command()
def adversarial(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="HDF5 file with x_org, x_adv and y.")],
    targets: Annotated[
        list[str],
        typer.Option("--target", help="Target model (see `staanet list loaders`). Can be repeated.", metavar="MODEL"),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of a run; existing records are kept.")],
    attack: Annotated[str | None, typer.Option(help="Name of the attack (default: the name of the file).")] = None,
    source: Annotated[str, typer.Option(help="Name of the source model.")] = "unknown",
    labels: Labels = "",
    trust: Trust = False,
    seed: Seed = 0,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Evaluate an adversarial set on target models, together with a noise control."""
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
        trust=trust,
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
