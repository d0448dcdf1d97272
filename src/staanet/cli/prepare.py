"""`staanet prepare`: a corpus, checked and at one rate, becomes a store."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Json, Set, parsed


def prepare(
    corpus: Annotated[str, typer.Argument(help="A name from `staanet list corpora`.")],
    root: Annotated[Path, typer.Argument(help="The corpus' folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The store; an existing one is replaced.")],
    sample_rate: Annotated[int, typer.Option(help="Of the store, in Hz.")] = 16_000,
    trim_db: Annotated[
        float | None, typer.Option(help="Cut silence at both ends, this far below the loudest frame.")
    ] = None,
    pieces: Annotated[
        str | None,
        typer.Option(help="Write clips in pieces, by a preset: default, or emodb, emovo, ravdess as arXiv 2404.18514."),
    ] = None,
    settings: Set = None,
    as_json: Json = False,
) -> None:
    """Check a corpus, bring it to one channel and one rate, and write it as a store."""
    import json
    from collections import Counter

    from staanet import data
    from staanet.core.settings import from_preset, validated
    from staanet.corpora import CORPORA

    cut = None if pieces is None else from_preset(data.Pieces, data.PIECES_PRESETS, pieces, "--pieces")
    store = data.prepare(validated(CORPORA[corpus], parsed(settings), corpus), root, out, sample_rate, trim_db, cut)
    counts = Counter(utterance.label for utterance in store.utterances.values())
    about = {
        "store": str(out),
        "clips": len(store),
        "speakers": len({utterance.speaker for utterance in store.utterances.values()}),
        "labels": {label: counts[label] for label in store.labels},
        "left_out": len(store.left_out),
    }
    if as_json:
        typer.echo(json.dumps(about))
        return
    classes = ", ".join(f"{label} {counts[label]}" for label in store.labels)
    typer.echo(
        f"{out}: {about['clips']} clips by {about['speakers']} speakers ({classes}); {about['left_out']} left out"
    )
