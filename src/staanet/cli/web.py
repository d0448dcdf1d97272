"""`staanet web`: the workbench in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from staanet.cli.options import Trust, parsed


def web(
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="REF",
            help="Model to offer: a checkpoint, a Hugging Face id, file.py:name, ... Can be repeated.",
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Prepared dataset or folder of audio files whose clips are offered.")
    ] = None,
    runs: Annotated[Path | None, typer.Option(help="Folder of experiments and evaluations to look at.")] = None,
    generator: Annotated[Path | None, typer.Option(help="Checkpoint of a generator, if the attack has one.")] = None,
    model_settings: Annotated[
        list[str] | None,
        typer.Option(
            "--model-set", help="Set KEY of these models to VALUE, such as labels.ang=anger.", metavar="KEY=VALUE"
        ),
    ] = None,
    trust: Trust = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for one that is free.")] = 8321,
    host: Annotated[
        str, typer.Option(help="Address to listen on. If other machines can reach it, a token is needed.")
    ] = "127.0.0.1",
    device: Annotated[str | None, typer.Option(help="Device (default: GPU if available).")] = None,
) -> None:
    """Try attacks on single clips in the browser: see and hear what they change. Also shows and compares runs.

    Nothing that the page receives is kept.
    """
    from staanet.web.server import serve
    from staanet.web.settings import WebSettings

    settings = WebSettings(
        folder=Path(),
        models=tuple(models or ()),
        model_settings=parsed(model_settings),
        generator=generator,
        data=data,
        runs=runs,
        trust=trust,
        device=device,
    )
    serve(settings, host, port, typer.echo)
