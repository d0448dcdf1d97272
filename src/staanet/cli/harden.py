"""`staanet harden`: train a model against attacks."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import (
    Address,
    Device,
    Engine,
    Json,
    ModelReference,
    ModelSet,
    Out,
    Processes,
    Seed,
    Set,
    SnrDb,
    Sparsity,
    Trust,
    Workers,
    parsed,
)


def harden(
    model: ModelReference,
    data: Annotated[Path, typer.Argument(help="Prepared dataset.")],
    out: Out,
    method: Annotated[
        str,
        typer.Option(
            help="pgd, fast (one gradient), generator, trades, noise (the control), gaussian_smoothing, ablation or "
            "partition."
        ),
    ] = "pgd",
    snr_db: SnrDb = 40.0,
    sparsity: Sparsity = 1.0,
    steps: Annotated[int, typer.Option(help="Steps of the attack of pgd and trades.")] = 5,
    method_settings: Annotated[
        list[str] | None,
        typer.Option("--method-set", help="Set KEY of the method, such as beta=3 or sigma=0.1.", metavar="KEY=VALUE"),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Beginning of the names of the weights that are trained (default: all). Can be repeated."),
    ] = None,
    model_settings: ModelSet = None,
    settings: Set = None,
    trust: Trust = False,
    seed: Seed = 0,
    device: Device = None,
    processes: Processes = None,
    engine: Engine = "local",
    workers: Workers = None,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Train a model so that attacks fool it less often. Run the same command again to resume.

    `--set` changes the training, such as epochs=40 or guard=0.1.
    """
    import json
    from dataclasses import asdict

    from staanet import engines, tasks
    from staanet.core.budget import Budget
    from staanet.core.errors import StaanetError
    from staanet.training.parallel import joined

    chosen = engines.chosen(engine, workers, address)
    if chosen is not None and processes is not None:
        raise StaanetError(
            f"expected one worker to train, got the engine {engine} for {processes} processes; remove --engine, or "
            "--processes"
        )
    with joined(processes, device) as together:
        found = tasks.harden(
            model,
            data,
            out,
            method=method,
            budget=Budget(snr_db=snr_db, sparsity=sparsity),
            steps=steps,
            method_settings=parsed(method_settings),
            only=only or None,
            training=parsed(settings),
            trust=trust,
            model_settings=parsed(model_settings),
            seed=seed,
            device=device,
            engine=chosen,
        )
    if not together.writes:
        return
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    for line in found.lines():
        typer.echo(line)
    typer.echo(f"{out}: the hardened model")
