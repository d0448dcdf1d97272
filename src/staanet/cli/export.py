"""`staanet export`: write a checkpoint as ONNX, or clips as HDF5 in the layout of the original STAA-Net code."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Json, Seed
from staanet.core.errors import StaanetError

HDF5 = (".h5", ".hdf5")


def export(
    what: Annotated[
        Path, typer.Argument(metavar="WHAT", help="Checkpoint; for .h5 a prepared dataset or an adversarial set.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Output file (.onnx or .h5).")],
    dataset: Annotated[Path | None, typer.Option(help="Dataset from which the adversarial set was made.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Export a model or generator to ONNX (checked against torch), or a dataset or adversarial set to HDF5."""
    import dataclasses
    import json

    from staanet.core.files import check_writable

    check_writable(out.parent)
    if out.suffix in HDF5:
        from staanet.tasks import exchange

        clips = (
            exchange.export_dataset(what, out, seed)
            if dataset is None
            else exchange.export_adversarial(what, dataset, out)
        )
        typer.echo(json.dumps({"clips": clips}) if as_json else f"{out}: {clips} clips")
        return
    if out.suffix != ".onnx":
        raise StaanetError(f"{out}: expected a file name ending in .onnx or .h5, got {out.suffix!r}; rename it")
    if dataset is not None:
        raise StaanetError(f"expected --dataset only for an adversarial set and .h5, got it for {out}; remove it")
    from staanet.tasks import onnx as onnx

    done = onnx.export(what, out)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(done)))
        return
    typer.echo(f"{out}: {', '.join(done.inputs)} -> {', '.join(done.outputs)}")
    moved = "" if done.flips is None else f", {100 * done.flips:.3g} % of the positions differ"
    typer.echo(f"largest difference between ONNX Runtime and torch: {done.difference:.2g}{moved}")
