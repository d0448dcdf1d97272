"""Speed on an accelerator: the whole attack against its network alone, single clips, training, and sparse PGD.

Random clips and untrained networks suffice, so the script needs the library only, and at most five minutes.

python benchmarks/accelerator.py                      on the accelerator; without one, nothing is measured
python benchmarks/accelerator.py --device cpu --clips 2 --seconds 1      a trial of the script; nothing is written
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from claims import write
from generator_training import step_of
from torch import Tensor

from staanet import create_attack, create_generator, create_model
from staanet.attacks.generator import GENERATORS, Generator
from staanet.attacks.generator.base import Given
from staanet.core.provenance import device_name, device_of
from staanet.core.seeds import seeded
from staanet.core.unwrapping import frozen
from staanet.corpora import Synthetic
from staanet.data import by_speaker, prepare
from staanet.models import Model
from staanet.training.classifier import train_model
from staanet.training.settings import MODEL_PRESETS

RATE = 16_000
BUDGET = {"snr_db": 17.0, "sparsity": 0.12}
TRAINING_CLIPS, EPOCHS = 3_700, 20
"""The training clips of DEMoS and the epochs in the STAA-Net paper."""
EMODB_CLIPS = 336
"""Training clips of EmoDB in one fold of five."""
MEASURED_EPOCHS = 3
"""Epochs of a model's training that are timed, of which the first is not counted."""
FAST = (
    "compact",
    "conditional",
    "conditional_small",
    "deconvolutional",
    "gradient_conditional",
    "gradient_deconvolutional",
)
"""The generators that are meant to be fast."""


class Result(NamedTuple):
    name: str
    claim: str
    aim: float
    measured: float
    unit: str


class Scene(NamedTuple):
    model: Model
    clips: Tensor
    lengths: Tensor
    labels: Tensor
    device: torch.device


def seconds(function: Callable[[], object], device: torch.device, repeats: int = 5) -> float:
    """Return the median time of a function in seconds, including all work that it queues on the accelerator."""
    times = []
    for _ in range(repeats + 2):
        began = time.perf_counter()
        function()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return statistics.median(times[2:])


def scene(clips: int, length: float, device: torch.device) -> Scene:
    with seeded("benchmark"):
        waveforms = (torch.rand(clips, round(length * RATE)) - 0.5).to(device)
        model = create_model("emo18", labels="abcdefg", seconds=length).to(device)
    with torch.no_grad():
        labels = model.eval()(waveforms).argmax(1)
    return Scene(model, waveforms, torch.full((clips,), waveforms.shape[1], device=device), labels, device)


def network_alone(generator: Generator, at: Scene) -> Callable[[], object]:
    epsilon, gradients = torch.full_like(at.clips[:, :1], 0.05), at.clips if generator.uses_gradients else None
    given = Given(epsilon, at.lengths // 8, gradients)

    @torch.no_grad()
    def outputs() -> object:
        return generator.conditioned_outputs(at.clips, at.lengths, given)

    return outputs


def generation(name: str, at: Scene) -> Iterator[Result]:
    with seeded("benchmark"):
        generator = create_generator(name).to(at.device)
    kind = "one_gradient" if GENERATORS[name].uses_gradients else "staa_net"
    attack = create_attack(kind, generator=generator, **BUDGET)
    whole = seconds(lambda: attack(at.model, at.clips, at.labels, at.lengths), at.device)
    alone = seconds(network_alone(generator, at), at.device)
    one = seconds(lambda: attack(at.model, at.clips[:1], at.labels[:1], at.lengths[:1]), at.device)
    yield Result(f"{name}_speed", f"{kind} with {name}", 5_000, len(at.clips) / whole, "clips per second")
    yield Result(f"{name}_share", f"{kind} with {name}, against its network alone", 0.5, alone / whole, "of its speed")
    yield Result(f"{name}_single", f"{kind} with {name}, one clip at a time, at most", 5, 1000 * one, "ms")


def training(at: Scene) -> Iterator[Result]:
    default = next(name for name, kind in GENERATORS.items() if kind.default)
    with seeded("benchmark"):
        generator = create_generator(default).to(at.device)
    with frozen(at.model):
        step = seconds(step_of(generator, at.model, at.clips), at.device)
    minutes = step * EPOCHS * TRAINING_CLIPS / len(at.clips) / 60
    claim = f"{EPOCHS} epochs of {default} on {TRAINING_CLIPS} clips, at most"
    yield Result("training", claim, 0.7, minutes, "minutes")
    sparse_pgd = create_attack("sparse_pgd", preset="paper", **BUDGET)
    each = seconds(lambda: sparse_pgd(at.model, at.clips, at.labels, at.lengths), at.device, repeats=1) / len(at.clips)
    yield Result("sparse_pgd", "sparse_pgd of 20 steps, against the paper's 1.1 s", 20, 1.1 / each, "times faster")


def recipe(device: torch.device) -> Result:
    """Return the time of the default recipe of a model, from its first epochs on synthetic speech."""
    settings, times = MODEL_PRESETS["default"], []
    with tempfile.TemporaryDirectory() as folder:
        dataset = prepare(Synthetic(speakers=6, sentences=2), Path(), Path(folder) / "speech")
        split = by_speaker(list(dataset.utterances.values()))
        with seeded("benchmark"):
            model = create_model("emo18", dataset.labels, seconds=3.0)
        for epochs in (1, MEASURED_EPOCHS):
            changed = replace(settings, epochs=epochs)
            began, progress = time.perf_counter(), Path(folder) / f"{epochs}"
            train_model(model, dataset, split.train, split.val, changed, progress, 0, device)
            times.append(time.perf_counter() - began)
    each = (times[1] - times[0]) / (MEASURED_EPOCHS - 1) / len(split.train)
    claim = f"{settings.epochs} epochs of emo18 on {EMODB_CLIPS} clips of 3 s, at most"
    return Result("recipe", claim, 10, each * settings.epochs * EMODB_CLIPS, "seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", help="torch device (default: the accelerator)")
    parser.add_argument("--clips", type=int, default=64, help="clips in a batch (default: 64)")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a clip in s (default: 6)")
    options = parser.parse_args()
    device = device_of(options.device)
    if device.type == "cpu" and options.device is None:
        print("expected an accelerator, found none; nothing was measured")
        return
    at = scene(options.clips, options.seconds, device)
    about = f"{device_name(device)}, {len(at.clips)} clips of {options.seconds:g} s at a time"
    for result in (*(one for name in FAST for one in generation(name, at)), *training(at), recipe(device)):
        claim = f"{result.claim}, {about}"
        if device.type == "cpu":
            print(f"{claim}: {result.measured:.3g} {result.unit}", flush=True)
        else:
            write(f"accelerator_{result.name}", claim, result.aim, result.measured, result.unit)


if __name__ == "__main__":
    main()
