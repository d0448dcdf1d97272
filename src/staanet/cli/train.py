"""`staanet train`: train a model."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.catalogue import Kind
from staanet.cli.completion import names_of
from staanet.cli.options import Device, ModelSet, Out, Preset, Processes, Seed, Set, parsed

SCORES = {"uar": "UAR", "ccc": "mean CCC"}
"""Names of the figure that chooses the epoch: for emotions, and for dimensions."""


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
    model_settings: ModelSet = None,
    preset: Preset = "default",
    settings: Set = None,
    seed: Seed = 0,
    device: Device = None,
    processes: Processes = None,
) -> None:
    """Train a model on a prepared dataset, with speakers held out. Run the same command again to resume."""
    from staanet import tasks
    from staanet.core.provenance import device_of
    from staanet.training.parallel import joined
    from staanet.training.settings import model_training

    training = {"preset": preset, **parsed(settings)}
    with joined(processes, device) as together:
        where = device_of(device)
        history = tasks.train(
            model,
            dataset,
            out,
            seconds=seconds,
            training=training,
            seed=seed,
            device=where,
            checkpoint=checkpoint,
            model_settings=parsed(model_settings),
        )
    if together.writes:
        kept = model_training(model, training, model).kept(history)
        figures = history[kept - 1]
        name, value = next((name, figures[key]) for key, name in SCORES.items() if key in figures)
        typer.echo(f"{out}: {model}, validation {name} {value:.3f} after epoch {kept} of {len(history)}, which is kept")
