"""`staanet export`: a checkpoint as ONNX; a dataset or an adversarial set as the STAA-Net authors' HDF5."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Json, Seed
from staanet.core.errors import StaanetError

HDF5 = (".h5", ".hdf5")


def export(
    what: Annotated[
        Path, typer.Argument(metavar="WHAT", help="A checkpoint; for HDF5 a dataset, or an adversarial set of a run.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A file, .onnx or .h5.")],
    dataset: Annotated[Path | None, typer.Option(help="The dataset that an adversarial set was made of.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write a model or a generator as ONNX, checked against torch; a dataset or an adversarial set as HDF5."""
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
        raise StaanetError(f"{out}: expected a name that ends in .onnx or .h5, got {out.suffix!r}")
    if dataset is not None:
        raise StaanetError(f"expected no --dataset for {out}, got {dataset}; it belongs to an adversarial set and .h5")
    from staanet.tasks import onnx as onnx

    done = onnx.export(what, out)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(done)))
        return
    typer.echo(f"{out}: {', '.join(done.inputs)} -> {', '.join(done.outputs)}")
    moved = "" if done.flips is None else f", {100 * done.flips:.3g} % of the positions moved"
    typer.echo(f"largest difference between ONNX Runtime and torch: {done.difference:.2g}{moved}")
