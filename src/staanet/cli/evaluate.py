"""`staanet evaluate`: how robust a model is on clips."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import (
    Address,
    Corpus,
    Data,
    DefenceSet,
    Device,
    Engine,
    Json,
    ModelReference,
    ModelSet,
    Seed,
    Set,
    Trust,
    Workers,
    chosen,
    parsed,
    run_folder,
)


def evaluate(
    model: ModelReference,
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Output folder (default: runs/MODEL, or runs/MODEL-behind-DEFENCE)."),
    ] = None,
    corpus: Corpus = None,
    preset: Annotated[str, typer.Option(help="Effort of the attacks: quick, standard or thorough.")] = "standard",
    clips: Annotated[int | None, typer.Option(help="Number of clips (default: that of the preset).")] = None,
    budgets: Annotated[
        str | None, typer.Option(help="Peak SNRs in dB, such as 60,40,20 (default: 70 to 10 in steps of 10).")
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            help="Threshold: accuracy_robust=0.5, uar_clean=0.4, ..., or accuracy_robust@60=0.3. Can be repeated.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    thresholds: Annotated[
        Path | None, typer.Option(help="TOML file of thresholds, each with least and reason.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(help="Folder of an earlier evaluation of the same clips to compare with.", metavar="RUN"),
    ] = None,
    defence: Annotated[
        str | None,
        typer.Option(
            help="Input defence in front of the model (`staanet list defences`), which one attacker does not know and "
            "one knows; figures are about the worst of both."
        ),
    ] = None,
    defence_settings: DefenceSet = None,
    hardened_from: Annotated[
        str | None,
        typer.Option(help="The model from which this one was hardened, which is attacked too.", metavar="MODEL"),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(help="Folder of staanet certify on the same clips, to show beside.", metavar="RUN"),
    ] = None,
    floats: Annotated[
        bool, typer.Option("--floats", help="Save clips as 32-bit floats instead of in the format of the recordings.")
    ] = False,
    distance: Annotated[
        float | None,
        typer.Option(help="Move that counts for a model of dimensions, as a share of the scale (default: 0.1)."),
    ] = None,
    model_settings: ModelSet = None,
    settings: Set = None,
    trust: Trust = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and how long it takes.")] = False,
    seed: Seed = 0,
    device: Device = None,
    engine: Engine = "local",
    workers: Workers = None,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Measure how robust a model is on clips: a curve over budgets, a verdict and a page.

    `--set` changes settings of the corpus. Exit status 1: a threshold failed; 2: an error.
    """
    import json

    from staanet import assessment, engines
    from staanet.assessment import wording
    from staanet.assessment.compare import wording as compare_wording
    from staanet.assessment.dimensional import wording as dimensional_wording
    from staanet.core.errors import StaanetError

    try:
        levels = [float(word) for word in budgets.split(",")] if budgets else []
    except ValueError:
        raise StaanetError(f"expected budgets as numbers in dB, such as 60,40,20, got {budgets!r}") from None
    own = parsed(model_settings)
    folder = run_folder(out, model, own, f"behind-{defence}" if defence else "")
    found = assessment.evaluate(
        model,
        data,
        folder,
        corpus=corpus,
        preset=preset,
        clips=clips,
        budgets=levels,
        fail_under=fail_under or (),
        thresholds=thresholds,
        baseline=baseline,
        defence=chosen(defence, defence_settings, "defence"),
        hardened_from=hardened_from,
        certificate=certificate,
        trust=trust,
        model_settings=own,
        corpus_settings=parsed(settings),
        floats=floats,
        seed=seed,
        device=device,
        distance=distance,
        dry_run=dry_run,
        engine=engines.chosen(engine, workers, address),
    )
    if isinstance(found, assessment.Plan):
        for line in wording.plan(found):
            typer.echo(line)
        return
    if isinstance(found, assessment.DimensionalPlan):
        for line in dimensional_wording.plan(found):
            typer.echo(line)
        return
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    elif isinstance(found, assessment.DimensionalEvaluation):
        for line in dimensional_wording.lines(found):
            typer.echo(line)
        typer.echo(f"page: {folder / 'report' / 'index.html'}")
    else:
        for line in wording.lines(found):
            typer.echo(line)
        for line in compare_wording.brief(found.baseline) if found.baseline is not None else ():
            typer.echo(line)
        typer.echo(f"page: {folder / 'report' / 'index.html'}")
    if isinstance(found, assessment.Evaluation) and any(line.result == "fail" for line in found.verdict):
        raise typer.Exit(1)
