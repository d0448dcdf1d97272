"""`staanet attack`: make adversarial audio files."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Device, Json, Seed, Set, parsed


def attack(
    attack: Annotated[str, typer.Argument(help="Name of an attack (see `staanet list attacks`).")],
    inputs: Annotated[
        Path, typer.Argument(metavar="IN", help="Audio file, folder of audio files, or prepared dataset.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Output file (.wav or .flac) or folder.")],
    source: Annotated[Path, typer.Option(help="Checkpoint of the model to attack.")],
    generator: Annotated[Path | None, typer.Option(help="Checkpoint of a generator, for staa_net.")] = None,
    epsilon: Annotated[float | None, typer.Option(help="Largest change of a sample, in full scale.")] = None,
    snr_db: Annotated[
        float | None, typer.Option(help="Largest change of a sample, in dB below the peak of each clip.")
    ] = None,
    sparsity: Annotated[float | None, typer.Option(help="Largest share of the samples that may change.")] = None,
    window: Annotated[
        float | None,
        typer.Option(help="Longest clip in seconds; a longer recording is attacked in windows of this length."),
    ] = None,
    settings: Set = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Write a trace of the attack next to each file, for debugging.")
    ] = False,
    seed: Seed = 0,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Attack audio files on a model and write adversarial files of the same length, sampling rate and channels.

    The model's decision is computed on the file as read back. Recordings longer than a minute, or than --window,
    are attacked and classified window by window.
    """
    import dataclasses
    import json

    from staanet import tasks
    from staanet.core.provenance import device_of

    given = {"generator": generator, "epsilon": epsilon, "snr_db": snr_db, "sparsity": sparsity}
    chosen = {key: value for key, value in given.items() if value is not None} | parsed(settings)
    where = device_of(device)
    files = tasks.attack(
        attack, source, inputs, out, settings=chosen, seed=seed, device=where, window=window, trace=trace
    )
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(file) for file in files]))
        return
    for file in files:
        change = "unchanged" if file.predicted_clean == file.predicted_adv else "fooled"
        place = file.path if file.start is None else f"{file.path} at {file.start:.2f} s"
        typer.echo(f"{place}: {file.predicted_clean} -> {file.predicted_adv} ({change})")
    fooled = sum(file.predicted_clean != file.predicted_adv for file in files)
    typer.echo(f"{out}: {fooled} of {len(files)} fooled, as read back from their files")
