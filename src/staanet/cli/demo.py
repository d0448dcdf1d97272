"""`staanet demo`: train a small model on synthetic speech, and evaluate how robust it is."""

from pathlib import Path
from typing import Annotated, Any

import typer

from staanet.cli.options import Device

MODEL = "emo18"
"""Name of the model that the demo trains."""

CORPUS: dict[str, Any] = {"speakers": 10, "sentences": 4}
"""Settings of the synthetic corpus: so few clips that everything ends within two minutes on two cores."""

TRAINING = {"epochs": 14}
"""Changes to the training settings of the model."""

SECONDS = 0.5
"""Length to which the model repeats or cuts clips."""


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder.")] = Path("runs/demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove existing results and run everything again.")] = False,
    device: Device = None,
) -> None:
    """Evaluate a small model on built-in synthetic speech, offline, in two minutes on two cores.

    It is trained first. This is `staanet prepare`, `staanet train` and `staanet evaluate`; `staanet run smoke` is an
    experiment with several models, attacks and a generator.
    """
    import shutil

    from staanet import assessment, tasks
    from staanet.assessment import wording
    from staanet.core.checkpoints import CONFIG
    from staanet.core.files import read_json
    from staanet.core.provenance import device_of
    from staanet.corpora import Synthetic
    from staanet.data import prepare
    from staanet.report.wording import percent

    speech, model, corpus = out / "speech", out / MODEL, Synthetic(**CORPUS)
    for folder in (speech, model, out / "parts") if fresh else ():
        shutil.rmtree(folder, ignore_errors=True)
    if not (speech / "dataset.json").is_file():
        prepare(corpus, Path(), speech)
    if not (model / CONFIG).is_file():
        where = device_of(device)
        tasks.train(MODEL, speech, model, seconds=SECONDS, training=TRAINING, seed=0, device=where)
    best = max(epoch["uar"] for epoch in read_json(model / CONFIG)["history"])
    typer.echo(
        f"{MODEL}, trained on synthetic speech, is right on {percent(best)} % of the clips of new speakers, "
        f"by guessing on {percent(1 / len(corpus.emotions))} %; how many remain under attack follows."
    )
    found: Any = assessment.evaluate(model, speech, out, preset="quick", device=device)
    for line in wording.lines(found):
        typer.echo(line)
    typer.echo(f"page: {out / 'report' / 'index.html'}")
