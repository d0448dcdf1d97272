"""`staanet defend`: what an input defence is worth."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Device, Json, Seed, Set, Trust, parsed


def defend(
    model: Annotated[str, typer.Argument(help="Model: a checkpoint, file.py:name, ... (`staanet list loaders`).")],
    data: Annotated[Path, typer.Argument(help="Prepared dataset, or the root folder of a corpus.")],
    defence: Annotated[str, typer.Option(help="Name of an input defence (`staanet list defences`).")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder (default: runs/MODEL-DEFENCE).")
    ] = None,
    defence_settings: Annotated[
        list[str] | None,
        typer.Option("--defence-set", help="Set KEY of the defence, such as kbps=64.", metavar="KEY=VALUE"),
    ] = None,
    snr_db: Annotated[float, typer.Option(help="Largest change of a sample, in dB below the peak.")] = 40.0,
    sparsity: Annotated[float, typer.Option(help="Share of the samples that may change.")] = 1.0,
    steps: Annotated[int, typer.Option(help="Steps of the attacks with gradients.")] = 50,
    generator_epochs: Annotated[
        int, typer.Option(help="Epochs of the generator that is trained through the defence; 0 leaves it out.")
    ] = 6,
    clips: Annotated[int, typer.Option(help="Number of clips.")] = 100,
    corpus: Annotated[str | None, typer.Option(help="Name of the corpus (default: folder).")] = None,
    model_settings: Annotated[
        list[str] | None, typer.Option("--model-set", help="Set KEY of the model to VALUE.", metavar="KEY=VALUE")
    ] = None,
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
    from staanet.models import loader_of

    own = parsed(model_settings)
    title = loader_of(model, own).title(model).replace(":", "-")
    folder = out or Path("runs") / f"{title}-{defence}"
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
