"""`staanet attack`: make adversarial audio files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from staanet.cli.options import Device, Json, Seed, Set, SourceSet, Trust, parsed

if TYPE_CHECKING:
    from staanet.tasks.recording import AttackedFile


def attack(
    attack: Annotated[str, typer.Argument(help="Name of an attack (see `staanet list attacks`).")],
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
    source_settings: SourceSet = None,
    trust: Trust = False,
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
    )
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(file) for file in files]))
        return
    for file in files:
        change = "unchanged" if file.predicted_clean == file.predicted_adv else "fooled"
        place = file.path if file.start is None else f"{file.path} at {file.start:.2f} s"
        typer.echo(f"{place}: {file.predicted_clean} -> {file.predicted_adv} ({change})")
    if (inputs / "dataset.json").is_file():
        typer.echo(_robust_accuracy(files, inputs))
    typer.echo(f"{out}: {_success_rate(files)}")


def _robust_accuracy(files: Sequence["AttackedFile"], inputs: Path) -> str:
    """Return the robust accuracy on the clips of a dataset, whose labels are known, as text."""
    from staanet.data import Dataset
    from staanet.metrics import wilson
    from staanet.report.wording import percent

    dataset = Dataset(inputs)
    labels = {f"{clip}.flac": dataset.labels[dataset.label(clip)] for clip in dataset.utterances}
    correct = [file for file in files if file.predicted_clean == labels[file.path]]
    robust = sum(file.predicted_adv == labels[file.path] for file in correct)
    low, high = wilson(robust / len(files), len(files))
    return (
        f"robust accuracy {percent(robust / len(files))} % (95 % interval {percent(low)} to {percent(high)} %): "
        f"{robust} of {len(files)} clips are classified correctly before and under the attack; chance is "
        f"{percent(1 / len(dataset.labels))} %, the accuracy before the attack {percent(len(correct) / len(files))} %"
    )


def _success_rate(files: Sequence["AttackedFile"]) -> str:
    """Return how many files were fooled, and how large the perturbations are, as text."""
    from statistics import fmean

    from staanet.report.wording import number, percent

    fooled = sum(file.predicted_clean != file.predicted_adv for file in files)
    snrs = [file.snr_peak_db for file in files if file.snr_peak_db is not None]
    changed = f"{percent(fmean(file.sparsity for file in files))} % of the samples changed"
    return (
        f"{fooled} of {len(files)} fooled, as read back from their files (ASR {percent(fooled / len(files))} %, "
        f"without a control); {changed}" + (f" at a peak SNR of {number(fmean(snrs))} dB" if snrs else "")
    )
