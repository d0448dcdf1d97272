"""`staanet attack`: make adversarial audio files."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.catalogue import Kind
from staanet.cli.completion import names_of
from staanet.cli.options import Address, Device, Engine, Json, Seed, Set, SourceSet, Trust, Workers, parsed


def attack(
    attack: Annotated[
        str,
        typer.Argument(help="Name of an attack (see `staanet list attacks`).", autocompletion=names_of(Kind.ATTACKS)),
    ],
    inputs: Annotated[
        Path, typer.Argument(metavar="IN", help="Audio file, folder of audio files, or prepared dataset.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Output file (.wav or .flac) or folder.")],
    source: Annotated[
        str,
        typer.Option(
            help="Model to attack: a checkpoint, a Hugging Face id, file.py:name, ... (`staanet list loaders`)."
        ),
    ],
    generator: Annotated[Path | None, typer.Option(help="Checkpoint of a generator, if the attack has one.")] = None,
    epsilon: Annotated[float | None, typer.Option(help="Largest change of a sample, in full scale.")] = None,
    snr_db: Annotated[
        float | None, typer.Option(help="Largest change of a sample, in dB below the peak of each clip.")
    ] = None,
    sparsity: Annotated[float | None, typer.Option(help="Largest share of the samples that may change.")] = None,
    window: Annotated[
        float | None,
        typer.Option(help="Longest clip in seconds; a longer recording is attacked in windows of this length."),
    ] = None,
    windows: Annotated[
        bool, typer.Option("--windows", help="Print a line for every file and for every window of it.")
    ] = False,
    dimension: Annotated[
        str | None, typer.Option(help="On a model of dimensions: the one to move (default: the only one).")
    ] = None,
    distance: Annotated[
        float | None, typer.Option(help="How far to move it, as a share of its scale (default: 0.1).")
    ] = None,
    direction: Annotated[str | None, typer.Option(help="Where to: up, down or either (default: either).")] = None,
    settings: Set = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Write a trace of the attack next to each file, for debugging.")
    ] = False,
    source_settings: SourceSet = None,
    trust: Trust = False,
    seed: Seed = 0,
    device: Device = None,
    engine: Engine = "local",
    workers: Workers = None,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Attack audio files on a model and write adversarial files of the same length, sampling rate and channels.

    The model's decision is computed on the file as read back. Recordings longer than a minute, or than --window,
    are attacked and classified window by window. The control is noise with the sizes of the change, at random
    positions. On a model of dimensions an attack moves one output by a distance.
    """
    import dataclasses
    import json

    from staanet import engines, tasks
    from staanet.attacks.goals import Aim
    from staanet.core.provenance import device_of
    from staanet.core.settings import validated
    from staanet.tasks import move_wording, wording
    from staanet.tasks.attack import MoveResult

    given = {"generator": generator, "epsilon": epsilon, "snr_db": snr_db, "sparsity": sparsity}
    chosen = {key: value for key, value in given.items() if value is not None} | parsed(settings)
    where = device_of(device)
    result = tasks.attack(
        attack,
        source,
        inputs,
        out,
        settings=chosen,
        source_settings=parsed(source_settings),
        trust=trust,
        seed=seed,
        device=where,
        window=window,
        trace=trace,
        aim=validated(Aim, {"dimension": dimension, "distance": distance, "direction": direction}, "attack"),
        engine=engines.chosen(engine, workers, address),
    )
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(file) for file in result.files]))
        for line in wording.flags(result):
            typer.echo(line, err=True)
        return
    said = (
        move_wording.lines(result, out, windows=windows)
        if isinstance(result, MoveResult)
        else wording.lines(result, out, windows=windows)
    )
    for line in said:
        typer.echo(line)
