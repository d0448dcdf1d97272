"""`staanet fit`: a STAA-Net generator against a frozen model."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Device, Out, Preset, Seed, Set, parsed


def fit(
    generator: Annotated[str, typer.Argument(help="A name from `staanet list generators`.")],
    source: Annotated[Path, typer.Option(help="The checkpoint of the model to fool.")],
    corpus: Annotated[Path, typer.Option(help="The prepared dataset that the model was trained on.")],
    out: Out,
    preset: Preset = "default",
    settings: Set = None,
    sizes: Annotated[
        list[str] | None, typer.Option("--size", help="A size of the network, KEY=VALUE.", metavar="KEY=VALUE")
    ] = None,
    seed: Seed = 0,
    device: Device = None,
) -> None:
    """Train a generator against a frozen model; an interrupted training goes on."""
    from staanet import tasks
    from staanet.core.provenance import device_of

    history = tasks.fit(
        generator,
        source,
        corpus,
        out,
        sizes=parsed(sizes),
        training={"preset": preset, **parsed(settings)},
        seed=seed,
        device=device_of(device),
    )
    last = history[-1]
    typer.echo(
        f"{out}: {generator}, validation ASR {last['asr']:.3f}, control {last['control']:.3f}, "
        f"sparsity {last['sparsity']:.3f}, SNR {last['snr_peak_db']:.1f} dB"
    )
