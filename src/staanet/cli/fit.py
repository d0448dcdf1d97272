"""`staanet fit`: train a STAA-Net generator against a frozen model."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.catalogue import Kind
from staanet.cli.completion import names_of
from staanet.cli.options import Device, Out, Preset, Processes, Seed, Set, SourceSet, Trust, parsed


def fit(
    generator: Annotated[
        str,
        typer.Argument(
            help="Name of a generator (see `staanet list generators`).", autocompletion=names_of(Kind.GENERATORS)
        ),
    ],
    source: Annotated[
        list[str],
        typer.Option(
            help="Source model: a checkpoint, a Hugging Face id, file.py:name, ... (`staanet list loaders`). Can be "
            "repeated: the generator is then trained against the mean of their logits."
        ),
    ],
    dataset: Annotated[Path, typer.Option(help="Prepared dataset, usually the one the model was trained on.")],
    out: Out,
    preset: Preset = "default",
    settings: Set = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option("--size", help="Set an option of the network. Can be repeated.", metavar="KEY=VALUE"),
    ] = None,
    source_settings: SourceSet = None,
    trust: Trust = False,
    seed: Seed = 0,
    device: Device = None,
    processes: Processes = None,
) -> None:
    """Train a generator against a frozen model. Run the same command again to resume an interrupted training."""
    from staanet import tasks
    from staanet.core.provenance import device_of
    from staanet.training.parallel import joined

    with joined(processes, device) as together:
        history = tasks.fit(
            generator,
            source,
            dataset,
            out,
            source_settings=parsed(source_settings),
            trust=trust,
            sizes=parsed(sizes),
            training={"preset": preset, **parsed(settings)},
            seed=seed,
            device=device_of(device),
        )
    if not together.writes:
        return
    last = history[-1]
    typer.echo(
        f"{out}: {generator}, validation ASR {last['asr']:.3f}, control {last['control']:.3f}, "
        f"sparsity {last['sparsity']:.3f}, SNR {last['snr_peak_db']:.1f} dB"
    )
    if "reached" in last:
        classes = {name.removeprefix("reached_"): value for name, value in last.items() if name.startswith("reached_")}
        listed = ", ".join(f"{name} {value:.3f}" for name, value in classes.items())
        typer.echo(f"towards a class, validation success {last['reached']:.3f}: {listed}")
