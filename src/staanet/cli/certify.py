"""`staanet certify`: what is proven about a smoothed model."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Device, Json, Seed, Set, Trust, parsed


def certify(
    model: Annotated[str, typer.Argument(help="Model: a checkpoint, file.py:name, ... (`staanet list loaders`).")],
    data: Annotated[Path, typer.Argument(help="Prepared dataset, or the root folder of a corpus.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Output folder (default: runs/MODEL).")] = None,
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
    corpus: Annotated[str | None, typer.Option(help="Name of the corpus (default: folder).")] = None,
    model_settings: Annotated[
        list[str] | None, typer.Option("--model-set", help="Set KEY of the model to VALUE.", metavar="KEY=VALUE")
    ] = None,
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
    from staanet.core.errors import StaanetError
    from staanet.models import loader_of

    if smoothing is None and smoothing_settings:
        raise StaanetError("expected the smoothing that --smoothing-set changes, got none; name it with --smoothing")
    own = parsed(model_settings)
    folder = out or Path("runs") / loader_of(model, own).title(model).replace(":", "-")
    found = certified.certify(
        model,
        data,
        folder,
        smoothing=None if smoothing is None else {"defence": smoothing, **parsed(smoothing_settings)},
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
