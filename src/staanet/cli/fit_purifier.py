"""`staanet fit-purifier`: train a network that removes from clips what noise and attacks add to them."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Device, ModelSet, Out, Processes, Seed, Set, Trust, parsed


def fit_purifier(
    data: Annotated[Path, typer.Argument(help="Prepared dataset.")],
    out: Out,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model from whose attacks the purifier learns, too (default: from noise only, for any model)."
        ),
    ] = None,
    settings: Set = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option("--size", help="Set an option of the network. Can be repeated.", metavar="KEY=VALUE"),
    ] = None,
    model_settings: ModelSet = None,
    trust: Trust = False,
    seed: Seed = 0,
    device: Device = None,
    processes: Processes = None,
) -> None:
    """Train a purifier for --defence purifier. Run the same command again to resume an interrupted training.

    `--set` changes the training, such as epochs=40 or snr_db=[10,40].
    """
    from staanet.tasks.purifier import fit_purifier
    from staanet.training.parallel import joined
    from staanet.training.purifier import PurifierTraining

    training = parsed(settings)
    with joined(processes, device) as together:
        history = fit_purifier(
            data,
            out,
            model=model,
            sizes=parsed(sizes),
            training=training,
            trust=trust,
            model_settings=parsed(model_settings),
            seed=seed,
            device=device,
        )
    if not together.writes:
        return
    kept = PurifierTraining().kept(history)
    figures = history[kept - 1]
    typer.echo(
        f"{out}: purifier, the SNR of changed validation clips rises by {figures['gain_db']:.1f} dB and unchanged ones "
        f"have {figures['clean_snr_db']:.1f} dB, after epoch {kept} of {len(history)}, which is kept"
    )
