"""How cost grows: seconds per clip against clip length, clips at a time, classes and sparsity.

python benchmarks/cost.py             few points, up to 4 s and 8 clips, printed only
python benchmarks/cost.py --full      more, up to 16 s and 32 clips, into results/cost.json

What is measured: compact making adversarial clips, a waveform gradient of Emo18, sparse_pgd of five steps on it. One
thing changes at a time, from two clips of 2 s, 4 classes, 12 % of the samples. The points of a curve are timed in
turns; a slope is that of the logarithms, 1 where cost is proportional and 0 where it does not grow.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from claims import RESULTS, provenance, seconds
from torch import Tensor

from staanet import create_attack, create_generator, create_model
from staanet.core.classifier import frozen
from staanet.core.memory import keep_freed_memory
from staanet.core.seeds import seeded
from staanet.models import Model

RATE, REPEATS = 16_000, 5


@dataclass(frozen=True)
class Point:
    seconds: float = 2.0
    clips: int = 2
    classes: int = 4
    sparsity: float = 0.12

    def waveforms(self) -> Tensor:
        with seeded("clips"):
            return torch.rand(self.clips, round(self.seconds * RATE)) - 0.5

    def model(self) -> Model:
        with seeded("victim"):
            return create_model("emo18", labels=tuple(map(str, range(self.classes))), seconds=self.seconds)

    def labels(self) -> Tensor:
        return torch.zeros(self.clips, dtype=torch.int64)


def generation(point: Point) -> Callable[[], object]:
    attack = create_attack("staa_net", generator=create_generator("compact"), snr_db=17.0, sparsity=point.sparsity)
    model, waveforms, labels = point.model(), point.waveforms(), point.labels()
    return lambda: attack(model, waveforms, labels)


def gradient(point: Point) -> Callable[[], object]:
    model, waveforms = point.model(), point.waveforms().requires_grad_()

    def one() -> None:
        with frozen(model):
            torch.autograd.grad(model(waveforms).square().sum(), waveforms)

    return one


def ascent(point: Point) -> Callable[[], object]:
    attack = create_attack("sparse_pgd", steps=5, snr_db=17.0, sparsity=point.sparsity)
    model, waveforms, labels = point.model(), point.waveforms(), point.labels()
    return lambda: attack(model, waveforms, labels)


WHAT = {"generation with compact": generation, "a gradient of emo18": gradient, "sparse_pgd of 5 steps": ascent}
AGAINST = {
    "seconds": ("clip length, s", 1.0, (1.0, 2.0, 4.0), (1.0, 2.0, 4.0, 8.0, 16.0)),
    "clips": ("clips at a time", 0.0, (1, 2, 4, 8), (1, 2, 4, 8, 16, 32)),
    "classes": ("classes", 0.0, (2, 8, 32), (2, 8, 32, 128)),
    "sparsity": ("sparsity", 0.0, (0.01, 0.12, 1.0), (0.01, 0.04, 0.12, 0.35, 1.0)),
}
"""What changes: its name, the slope that is expected of it, few values and more of them."""

TOLERANCE = 0.15
"""Of a slope."""


def curve(what: str, against: str, values: tuple[float, ...]) -> list[float]:
    """Return the seconds per clip at each value."""
    points = [replace(Point(), **{against: value}) for value in values]
    runs = [WHAT[what](point) for point in points]
    took = [[seconds(run) for run in runs] for _ in range(REPEATS + 1)][1:]
    return [
        statistics.median(times) / point.clips for times, point in zip(zip(*took, strict=True), points, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="dataset_true")
    full = parser.parse_args().full
    keep_freed_memory()
    rows = []
    for what in WHAT:
        for against, (name, slope, few, many) in AGAINST.items():
            if (what, against) == ("a gradient of emo18", "sparsity"):
                continue  # a gradient has none
            values = many if full else few
            took = curve(what, against, values)
            rows.append(
                {
                    "claim": f"{what} against {name}, slope at most",
                    "aim": slope + TOLERANCE,
                    "measured": round(float(np.polyfit(np.log(values), np.log(took), 1)[0]), 3),
                    "unit": "log-log slope",
                    "what": what,
                    "against": name,
                    "values": values,
                    "milliseconds_per_clip": [round(1000 * one, 3) for one in took],
                    **provenance(),
                }
            )
            print(f"{rows[-1]['claim']}: {rows[-1]['measured']} (aim {rows[-1]['aim']})", flush=True)
    if full:
        (RESULTS / "cost.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
