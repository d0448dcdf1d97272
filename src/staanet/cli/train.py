"""`staanet train`: train a model."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.catalogue import Kind
from staanet.cli.completion import names_of
from staanet.cli.options import Device, Out, Preset, Seed, Set, parsed


def train(
    model: Annotated[
        str, typer.Argument(help="Name of a model (see `staanet list models`).", autocompletion=names_of(Kind.MODELS))
    ],
    dataset: Annotated[Path, typer.Option(help="Prepared dataset.")],
    out: Out,
    seconds: Annotated[
        float | None,
        typer.Option(
            help="Trained length in seconds; clips are repeated or cut to it.", show_default="the model's own"
        ),
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="Pretrained checkpoint of a Hugging Face model: a folder or a hub id.")
    ] = None,
    preset: Preset = "default",
    settings: Set = None,
    seed: Seed = 0,
    device: Device = None,
) -> None:
    """Train a model on a prepared dataset, with speakers held out. Run the same command again to resume."""
    from staanet import tasks
    from staanet.core.provenance import device_of

    training = {"preset": preset, **parsed(settings)}
    where = device_of(device)
    history = tasks.train(
        model, dataset, out, seconds=seconds, training=training, seed=seed, device=where, checkpoint=checkpoint
    )
    best = max(epoch["uar"] for epoch in history)
    typer.echo(f"{out}: {model}, best validation UAR {best:.3f}, last {history[-1]['uar']:.3f}")
