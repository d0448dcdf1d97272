"""`staanet prepare`: check a corpus and convert it to a prepared dataset."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from staanet.cli.catalogue import Kind
from staanet.cli.completion import names_of
from staanet.cli.options import Address, Engine, Json, Set, Workers, parsed
from staanet.core.errors import StaanetError

MOST_SPEAKERS = 12
"""Number of speakers up to which the overview has a line for each."""


def prepare(
    corpus: Annotated[
        str,
        typer.Argument(help="Name of a corpus (see `staanet list corpora`).", autocompletion=names_of(Kind.CORPORA)),
    ],
    root: Annotated[Path, typer.Argument(help="Folder of the corpus.")],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="Output folder, or address in a store such as s3://bucket/name; an existing dataset is replaced.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", "--dry-run", help="Only check the corpus; write nothing and need no --out.")
    ] = False,
    pattern: Annotated[
        str | None,
        typer.Option(help='Names of the files of the corpus folder, such as "{speaker}_{emotion}_{statement}".'),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Emotions by labels of the corpus folder: ang=anger,W=anger, or a TOML or CSV file."),
    ] = None,
    sample_rate: Annotated[int, typer.Option(help="Sampling rate of the dataset in Hz.")] = 16_000,
    trim_db: Annotated[
        float | None, typer.Option(help="Trim both ends of a clip where it is this many dB below its loudest frame.")
    ] = None,
    segments: Annotated[
        str | None,
        typer.Option(help="Cut clips into segments: default, or emodb, emovo, ravdess (arXiv 2404.18514)."),
    ] = None,
    settings: Set = None,
    engine: Engine = "local",
    workers: Workers = None,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Check a corpus, convert it to mono at one sampling rate, and write it as a dataset."""
    import json
    from collections import Counter

    from staanet import data, engines
    from staanet.core.settings import from_preset, validated
    from staanet.corpora import CORPORA

    if (out is None) != check:
        raise StaanetError("expected either --out, the folder of the dataset, or --check, got both or neither")
    chosen = engines.chosen(engine, workers, address)
    if check and chosen is not None:
        raise StaanetError(f"expected no workers for --check, got those of {engine}; remove --engine and --workers")
    known = CORPORA[corpus]
    cut = (
        None if segments is None else from_preset(data.Segmentation, data.SEGMENTATION_PRESETS, segments, "--segments")
    )
    built = validated(known, {**parsed(settings), **_names(known, pattern, labels)}, corpus)
    if out is None:
        overview = data.examine(built, root, sample_rate, trim_db, cut)
        counts = {label: group["clips"] for label, group in overview["labels"].items()}
    else:
        dataset = data.prepare(built, root, out, sample_rate, trim_db, cut, engine=chosen)
        occurring = Counter(utterance.label for utterance in dataset.utterances.values())
        overview, counts = dataset.overview, {label: occurring[label] for label in dataset.labels}
    clips, speakers, skipped = sum(counts.values()), len(overview["speakers"]), overview["skipped"]["count"]
    if as_json:
        about = {"dataset": out, "clips": clips, "speakers": speakers, "labels": counts}
        typer.echo(json.dumps({**about, "skipped": skipped, "overview": overview}))
        return
    for line in _lines(overview):
        typer.echo(line)
    classes = ", ".join(f"{label} {count}" for label, count in counts.items())
    typer.echo(f"{out or root}: {clips} clips by {speakers} speakers ({classes}); {skipped} skipped")


def _names(corpus: Any, pattern: str | None, labels: str | None) -> dict[str, Any]:
    """Return the settings of the corpus `folder` that have options of their own."""
    import dataclasses

    from staanet.corpora.label_maps import read_label_map

    named = {"pattern": pattern, "emotion_map": None if labels is None else read_label_map(labels)}
    given = {key: value for key, value in named.items() if value is not None}
    if missing := set(given) - {field.name for field in dataclasses.fields(corpus)}:
        option = "--pattern" if "pattern" in missing else "--labels"
        raise StaanetError(f"{corpus.name}: expected no {option}, which belongs to the corpus folder; remove it")
    return given


def _lines(overview: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of an overview."""
    yield from _table("emotion", ("clips", "speakers", "example"), overview["labels"])
    for kind in ("gender", "language", "session"):
        groups = overview[f"{kind}s"]
        if list(groups) != ["unknown"] or kind == "gender":
            yield from _table(kind, ("clips", "speakers", "example"), groups)
    speakers = overview["speakers"]
    shown = dict(list(speakers.items())[:MOST_SPEAKERS])
    yield from _table("speaker", ("clips", "emotions", "gender", "example"), shown)
    if more := len(speakers) - len(shown):
        yield f"... and {more} more speakers"
    yield ""
    seconds, audio = overview["audio"]["seconds"], overview["audio"]
    yield (
        f"audio: {seconds['total'] / 60:.1f} min; clips of {seconds['shortest']:.2f} to {seconds['longest']:.2f} s, "
        f"median {seconds['median']:.2f} s"
    )
    for kind, unit in (("rates", " Hz"), ("channels", ""), ("encodings", "")):
        if audio[kind]:
            yield f"{kind}: {', '.join(f'{name}{unit} ({count} clips)' for name, count in audio[kind].items())}"
    for kind in ("skipped", "missing", "extra"):
        if overview[kind]["count"]:
            yield f"{kind}: {overview[kind]['count']} files, such as {overview[kind]['examples'][0]}"
    split = overview["split"]
    if split["error"] is None:
        yield "split by speaker: " + ", ".join(f"{name} {count}" for name, count in split["speakers"].items())
    else:
        yield f"split by speaker: does not work; what works: {' or '.join(split['instead']) or 'nothing'}"
    yield f"warnings: {len(overview['warnings']) or 'none'}"


def _table(name: str, columns: Sequence[str], groups: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield an empty line and the aligned lines of a table with one row for each group."""
    rows = [
        [name, *columns],
        *([label, *(str(group[column]) for column in columns)] for label, group in groups.items()),
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns) + 1)]
    numbers = [False, *(column in ("clips", "speakers", "emotions") for column in columns)]
    yield ""
    for row in rows:
        cells = zip(row, widths, numbers, strict=True)
        yield "  ".join(cell.rjust(width) if number else cell.ljust(width) for cell, width, number in cells).rstrip()
