"""Options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from staanet.core.errors import StaanetError

ModelReference = Annotated[
    str, typer.Argument(help="Model: a checkpoint, a Hugging Face id, file.py:name, ... (`staanet list loaders`).")
]
Data = Annotated[Path, typer.Argument(help="Prepared dataset, or the root folder of a corpus.")]
Corpus = Annotated[str | None, typer.Option(help="Name of the corpus (default: folder).")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Output folder.")]
Seed = Annotated[int, typer.Option(help="Random seed.")]
Device = Annotated[str | None, typer.Option(help="Device (default: GPU if available).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Set KEY to VALUE; separate nested keys with dots. Can be repeated.", metavar="KEY=VALUE"
    ),
]
ModelSet = Annotated[
    list[str] | None,
    typer.Option("--model-set", help="Set KEY of the model to VALUE, such as labels.ang=anger.", metavar="KEY=VALUE"),
]
DefenceSet = Annotated[
    list[str] | None,
    typer.Option("--defence-set", help="Set KEY of the defence, such as kbps=64.", metavar="KEY=VALUE"),
]
SnrDb = Annotated[float, typer.Option(help="Largest change of a sample, in dB below the peak.")]
Sparsity = Annotated[float, typer.Option(help="Share of the samples that may change.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Run code that comes with a model (file.py:name, TorchScript, pickles).")
]
SourceSet = Annotated[
    list[str] | None,
    typer.Option(
        "--source-set",
        help="Set KEY of the source model to VALUE, such as sample_rate=8000 or labels.ang=anger. Can be repeated.",
        metavar="KEY=VALUE",
    ),
]
Engine = Annotated[
    str, typer.Option("--engine", help="Where results are made: local, or on a cluster with ray or slurm.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Number of workers (default: local 1, ray and slurm as many as fit).")
]
Address = Annotated[str | None, typer.Option("--address", help="Address of the Ray cluster: auto, or HOST:PORT.")]
Processes = Annotated[
    int | None,
    typer.Option("--processes", help="Refuse to train unless torchrun has started this many processes."),
]
Preset = Annotated[str, typer.Option(help="Training preset: default, or paper (as published).")]


def parsed(settings: Sequence[str] | None) -> dict[str, Any]:
    """Parse `KEY=VALUE` words into a nested dictionary; values that are not valid TOML are kept as strings.

    >>> parsed(["epochs=3", "losses.sparsity=1e-4", "selection=top"])
    {'epochs': 3, 'losses': {'sparsity': 0.0001}, 'selection': 'top'}
    """
    from staanet.core.parsing import parse_toml

    table: dict[str, Any] = {}
    for word in settings or ():
        key, separator, text = word.partition("=")
        if not separator:
            raise StaanetError(f"expected KEY=VALUE, got {word!r}; write for example epochs=3")
        try:
            value = parse_toml(f"value = {text}")["value"]
        except ValueError:
            value = text
        *path, last = key.split(".")
        inner = table
        for part in path:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise StaanetError(f"expected {part} to be either a value or a table, got both; remove {word!r}")
        inner[last] = value
    return table


def chosen(name: str | None, settings: Sequence[str] | None, kind: str) -> dict[str, Any] | None:
    """Return a defence that the user names and its settings as one table; None if the user names none.

    Args:
        name: Its registry name.
        settings: Its settings as `KEY=VALUE` words.
        kind: Name of the option that names it.

    Raises:
        StaanetError: If there are settings without a name.

    >>> chosen("mp3", ["kbps=64"], "defence")
    {'defence': 'mp3', 'kbps': 64}
    """
    if name is None:
        if settings:
            raise StaanetError(f"expected the {kind} that --{kind}-set changes, got none; name it with --{kind}")
        return None
    return {"defence": name, **parsed(settings)}


def run_folder(out: Path | None, model: str, settings: dict[str, Any], kind: str = "") -> Path:
    """Return the folder of a result: the one that the user names, else `runs/MODEL`, or `runs/MODEL-KIND`.

    Args:
        out: The folder that the user names.
        model: Reference to the model.
        settings: Settings of the loader of the model.
        kind: What sets the result apart from an evaluation of the same model.
    """
    from staanet.models import loader_of

    title = loader_of(model, settings).title(model).replace(":", "-")
    return out or Path("runs") / (f"{title}-{kind}" if kind else title)
