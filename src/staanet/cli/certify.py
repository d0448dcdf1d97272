"""`staanet certify`: what is proven about a smoothed model."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import (
    Corpus,
    Data,
    Device,
    Json,
    ModelReference,
    ModelSet,
    Seed,
    Set,
    Trust,
    chosen,
    parsed,
    run_folder,
)


def certify(
    model: ModelReference,
    data: Data,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder (default: runs/MODEL-certificate).")
    ] = None,
    smoothing: Annotated[
        str | None,
        typer.Option(
            help="gaussian_smoothing, ablation or partition (default: the one that the checkpoint was trained with)."
        ),
    ] = None,
    smoothing_settings: Annotated[
        list[str] | None,
        typer.Option("--smoothing-set", help="Set KEY of the smoothing, such as sigma=0.1.", metavar="KEY=VALUE"),
    ] = None,
    draws: Annotated[int, typer.Option(help="Votes on each clip, of a smoothing at random.")] = 1000,
    selection: Annotated[int, typer.Option(help="Further votes, by which the class is decided.")] = 100,
    alpha: Annotated[float, typer.Option(help="Probability that the certificate of a clip is wrong.")] = 0.001,
    clips: Annotated[int | None, typer.Option(help="Number of clips (default: all).")] = None,
    corpus: Corpus = None,
    model_settings: ModelSet = None,
    settings: Set = None,
    trust: Trust = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
    seed: Seed = 0,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Certify a smoothed model on clips: the share that no attack within a budget can change, provably.

    `--set` changes settings of the corpus.
    """
    import json

    from staanet.assessment import certified
    from staanet.assessment.certified import wording

    own = parsed(model_settings)
    folder = run_folder(out, model, own, "certificate")
    found = certified.certify(
        model,
        data,
        folder,
        smoothing=chosen(smoothing, smoothing_settings, "smoothing"),
        draws=draws,
        selection=selection,
        alpha=alpha,
        clips=clips,
        corpus=corpus,
        trust=trust,
        model_settings=own,
        corpus_settings=parsed(settings),
        seed=seed,
        device=device,
        dry_run=dry_run,
    )
    if isinstance(found, certified.CertificationPlan):
        typer.echo(found.summary)
        return
    if as_json:
        typer.echo(json.dumps(found.as_json()))
        return
    for line in wording.lines(found):
        typer.echo(line)
    typer.echo(f"page: {folder / 'report' / 'certificate.html'}")
