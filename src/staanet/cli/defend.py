"""`staanet defend`: what an input defence is worth."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import (
    Corpus,
    Data,
    DefenceSet,
    Device,
    Json,
    ModelReference,
    ModelSet,
    Seed,
    Set,
    SnrDb,
    Sparsity,
    Trust,
    parsed,
    run_folder,
)


def defend(
    model: ModelReference,
    data: Data,
    defence: Annotated[str, typer.Option(help="Name of an input defence (`staanet list defences`).")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder (default: runs/MODEL-DEFENCE).")
    ] = None,
    defence_settings: DefenceSet = None,
    snr_db: SnrDb = 40.0,
    sparsity: Sparsity = 1.0,
    steps: Annotated[int, typer.Option(help="Steps of the attacks with gradients.")] = 50,
    generator_epochs: Annotated[
        int, typer.Option(help="Epochs of the generator that is trained through the defence; 0 leaves it out.")
    ] = 6,
    clips: Annotated[int, typer.Option(help="Number of clips.")] = 100,
    corpus: Corpus = None,
    model_settings: ModelSet = None,
    settings: Set = None,
    trust: Trust = False,
    seed: Seed = 0,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Measure a model behind an input defence under attackers who do not know it, who know it, and who learn it.

    The verdict is about the worst of them. `--set` changes settings of the corpus.
    """
    import json
    from dataclasses import asdict

    from staanet.assessment import defended
    from staanet.core.budget import Budget

    own = parsed(model_settings)
    folder = run_folder(out, model, own, defence)
    found = defended.assess_defence(
        model,
        data,
        {"defence": defence, **parsed(defence_settings)},
        folder,
        attackers=defended.Attackers(Budget(snr_db=snr_db, sparsity=sparsity), steps, generator_epochs),
        clips=clips,
        corpus=corpus,
        trust=trust,
        model_settings=own,
        corpus_settings=parsed(settings),
        seed=seed,
        device=device,
    )
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    for line in found.lines():
        typer.echo(line)
    typer.echo(f"table: {folder / 'defended.md'}")
