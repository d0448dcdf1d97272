"""`staanet prepare`: convert a corpus to a prepared dataset."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Json, Set, parsed


def prepare(
    corpus: Annotated[str, typer.Argument(help="Name of a corpus (see `staanet list corpora`).")],
    root: Annotated[Path, typer.Argument(help="Folder of the corpus.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder; an existing dataset is replaced.")],
    sample_rate: Annotated[int, typer.Option(help="Sampling rate of the dataset in Hz.")] = 16_000,
    trim_db: Annotated[
        float | None, typer.Option(help="Trim both ends of a clip where it is this many dB below its loudest frame.")
    ] = None,
    segments: Annotated[
        str | None,
        typer.Option(help="Cut clips into segments: default, or emodb, emovo, ravdess (arXiv 2404.18514)."),
    ] = None,
    settings: Set = None,
    as_json: Json = False,
) -> None:
    """Check a corpus, convert it to mono at one sampling rate, and write it as a dataset."""
    import json
    from collections import Counter

    from staanet import data
    from staanet.core.settings import from_preset, validated
    from staanet.corpora import CORPORA

    cut = (
        None if segments is None else from_preset(data.Segmentation, data.SEGMENTATION_PRESETS, segments, "--segments")
    )
    dataset = data.prepare(validated(CORPORA[corpus], parsed(settings), corpus), root, out, sample_rate, trim_db, cut)
    counts = Counter(utterance.label for utterance in dataset.utterances.values())
    about = {
        "dataset": str(out),
        "clips": len(dataset),
        "speakers": len({utterance.speaker for utterance in dataset.utterances.values()}),
        "labels": {label: counts[label] for label in dataset.labels},
        "skipped": len(dataset.skipped),
    }
    if as_json:
        typer.echo(json.dumps(about))
        return
    classes = ", ".join(f"{label} {counts[label]}" for label in dataset.labels)
    typer.echo(f"{out}: {about['clips']} clips by {about['speakers']} speakers ({classes}); {about['skipped']} skipped")
