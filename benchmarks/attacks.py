"""Our attacks beside those of ART and torchattacks: CPU time to the same success, on one thread, clips of a second.

    python benchmarks/attacks.py             4 clips, printed only
    python benchmarks/attacks.py --full      16 clips, into results/attacks.json
    python benchmarks/attacks.py --model FOLDER --dataset STORE     a model of one's own, on test clips of its split
    python benchmarks/attacks.py --only jsma cw_l2                 some of the attacks

Needs the extra `dev`, and torchattacks: pip install --no-deps torchattacks. The model is an Emo18 of synthetic speech
unless one is given. Both sides leave the classes that it decides, from the same clips and within the same limits.

Attacks that climb take as many gradients as theirs; what ours takes above the bare gradients is measured beside. Of the
others, which end of themselves, ours has settings from cheap to dear, and the first count with which it fools as many
clips, by changes that are no larger where those are what it minimises.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchattacks
from art.attacks import evasion
from art.estimators.classification import PyTorchClassifier
from claims import RESULTS, provenance
from scene import trained
from torch import Tensor, nn
from torch.nn import functional

from staanet import create_attack, load_model
from staanet.attacks.bridges.module import WholeClips
from staanet.audio.lengths import fit_length
from staanet.core.memory import keep_freed_memory
from staanet.core.provenance import versions
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic
from staanet.data import Dataset
from staanet.models import Model

SIZE = 16_000
EPSILON = 0.004  # of attacks that climb
STEPS = 5  # of attacks that climb
REPEATS = 3  # of attacks that climb
FEW = 320  # samples that JSMA may change
WHOLE = {"epsilon": 2.0, "sparsity": 1.0}  # any change within the bounds
FEWEST = {"epsilon": 2.0, "sparsity": FEW / SIZE}

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Scene:
    """What is attacked: clips `[N, T]` that a model decides as `labels` `[N]`; JSMA goes to the second guess."""

    model: Callable[..., Tensor]
    clips: Tensor
    labels: Tensor
    seconds: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: Model, dataset: Dataset, clips: Sequence[str]) -> "Scene":
        model.eval().requires_grad_(False)
        batch = dataset.batch(clips[:: max(1, len(clips) // 16)][:16])
        waveforms = fit_length(batch.waveforms, batch.lengths, SIZE)
        return cls(model, waveforms, *model(waveforms).topk(2, dim=1).indices.T)

    def first(self, clips: int) -> "Scene":
        return Scene(self.model, self.clips[:clips], self.labels[:clips], self.seconds[:clips])

    def fooled(self, found: Tensor) -> Tensor:
        with torch.no_grad():
            return self.model(found).argmax(1) != self.labels


Attack = Callable[[Scene], Tensor]


def ours(name: str, settings: Settings) -> Attack:
    attack = create_attack(name, **settings)
    targeted = settings.get("targeted")
    return lambda scene: attack(scene.model, scene.clips, scene.seconds if targeted else scene.labels)


class Pictures(WholeClips):
    """A model as libraries see it: pictures `[N, 1, 1, T]` in [0, 1]."""

    def __init__(self, model: Callable[..., Tensor]) -> None:
        super().__init__(model)
        self.place = nn.Parameter(torch.empty(0))  # torchattacks asks a model's parameters where it is

    def forward(self, pictures: Tensor) -> Tensor:
        return super().forward(2 * pictures - 1)


def by_torchattacks(name: str, settings: Settings, scene: Scene) -> Tensor:
    attack = getattr(torchattacks, name)(Pictures(scene.model), **settings)
    return 2 * attack((scene.clips[:, None, None] + 1) / 2, scene.labels).flatten(1) - 1


def by_art(name: str, settings: Settings, scene: Scene) -> Tensor:
    pictures, classes = ((scene.clips[:, None, None] + 1) / 2).numpy(), len(scene.model.labels)
    estimator = PyTorchClassifier(
        Pictures(scene.model),
        nn.CrossEntropyLoss(),
        pictures.shape[1:],
        classes,
        clip_values=(0, 1),
        device_type="cpu",
    )
    labels = scene.seconds if name == "SaliencyMapMethod" else scene.labels
    attack = getattr(evasion, name)(estimator, **settings)
    return 2 * torch.from_numpy(attack.generate(pictures, functional.one_hot(labels, classes).numpy())).flatten(1) - 1


LIBRARIES = {"ART": by_art, "torchattacks": by_torchattacks}

# ------------------------------------------------------------------ attacks that climb

ART_STEPS = {"eps": EPSILON / 2, "max_iter": STEPS, "batch_size": 16, "verbose": False}
TORCH_STEPS = {"eps": EPSILON / 2, "steps": STEPS}
CLIMBS: dict[str, tuple[Settings, dict[str, tuple[str, Settings]]]] = {
    "fgsm": (
        {"epsilon": EPSILON},
        {
            "ART": ("FastGradientMethod", {"eps": EPSILON / 2, "batch_size": 16}),
            "torchattacks": ("FGSM", {"eps": EPSILON / 2}),
        },
    ),
    "bim": (
        {"epsilon": EPSILON, "steps": STEPS, "step_size": 0.25},
        {
            "ART": ("BasicIterativeMethod", {**ART_STEPS, "eps_step": EPSILON / 8}),
            "torchattacks": ("BIM", {**TORCH_STEPS, "alpha": EPSILON / 8}),
        },
    ),
    "pgd": (
        {"epsilon": EPSILON, "steps": STEPS, "step_size": 0.25, "restarts": 1},
        {
            "ART": ("ProjectedGradientDescent", {**ART_STEPS, "eps_step": EPSILON / 8, "num_random_init": 1}),
            "torchattacks": ("PGD", {**TORCH_STEPS, "alpha": EPSILON / 8}),
        },
    ),
    "apgd": (
        {"epsilon": EPSILON, "steps": STEPS, "restarts": 1},
        {
            "ART": (
                "AutoProjectedGradientDescent",
                {**ART_STEPS, "eps_step": EPSILON, "nb_random_init": 1, "loss_type": "cross_entropy"},
            ),
            "torchattacks": ("APGD", {**TORCH_STEPS, "n_restarts": 1}),
        },
    ),
    "deepfool": (
        {"epsilon": 2.0, "steps": STEPS},
        {
            "ART": ("DeepFool", {"max_iter": STEPS, "epsilon": 0.02, "batch_size": 16, "verbose": False}),
            "torchattacks": ("DeepFool", {"steps": STEPS, "overshoot": 0.02}),
        },
    ),
}


class Asked:
    """A model that remembers which gradients it was asked for, so that they can be taken again by themselves."""

    def __init__(self, model: Callable[..., Tensor]) -> None:
        self.model = model
        self.passes: list[list[Any]] = []  # waveforms, and how often they were asked for

    def __call__(self, waveforms: Tensor) -> Tensor:
        logits = self.model(waveforms)
        if logits.requires_grad:
            self.passes.append([waveforms.detach(), 0])
            logits.register_hook(lambda _, one=self.passes[-1]: one.__setitem__(1, one[1] + 1))
        return logits

    def again(self) -> None:
        for waveforms, gradients in self.passes:
            if gradients:
                points = waveforms.requires_grad_()
                logits = self.model(points).sum()
                for left in reversed(range(gradients)):
                    torch.autograd.grad(logits, points, retain_graph=left > 0)


def climb(name: str, scene: Scene) -> Iterator[dict[str, Any]]:
    """Compare attacks that take the same gradients: medians of interleaved repeats, the first left out."""
    settings, others = CLIMBS[name]
    attack, asked = ours(name, settings), Asked(scene.model)
    attack(Scene(asked, scene.clips, scene.labels, scene.seconds))
    took: dict[str, list[float]] = {}
    found: dict[str, Tensor] = {}
    for _ in range(REPEATS + 1):
        took.setdefault("bare", []).append(cpu_seconds(asked.again)[0])
        for who, run in (("ours", lambda: attack(scene)), *theirs(others, scene)):
            seconds, found[who] = cpu_seconds(run)
            took.setdefault(who, []).append(seconds)
    for library, (other, its_settings) in others.items():
        yield {
            "attack": name,
            "ours": typical(took["ours"]),
            "other": typical(took[library]),
            "library": library,
            "ratio": typical([slow / fast for slow, fast in zip(took[library], took["ours"], strict=True)]),
            "aim": 1.0,
            "bare_gradients": typical(took["bare"]),
            "overhead": typical([own / bare - 1 for own, bare in zip(took["ours"], took["bare"], strict=True)]),
            "clips": len(scene.clips),
            "ours_fooled": int(scene.fooled(found["ours"]).sum()),
            "other_fooled": int(scene.fooled(found[library]).sum()),
            "settings": settings,
            "other_attack": other,
            "other_settings": its_settings,
        }


def theirs(others: Mapping[str, tuple[str, Settings]], scene: Scene) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    for library, (name, settings) in others.items():
        yield library, lambda name=name, settings=settings, run=LIBRARIES[library]: run(name, settings, scene)


def cpu_seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    with seeded("attack"):
        np.random.seed(0)  # noqa: NPY002 (libraries draw from it)
        began = time.process_time()
        found = run()
        return time.process_time() - began, found


def typical(values: Sequence[float]) -> float:
    return round(statistics.median(values[1:]), 3)


# ------------------------------------------------------------------ attacks that end of themselves


def euclidean(changes: Tensor) -> Tensor:
    return changes.norm(dim=1)


def largest(changes: Tensor) -> Tensor:
    return changes.abs().amax(1)


def samples(changes: Tensor) -> Tensor:
    return (changes.abs() > 1e-6).sum(1).float()


@dataclass(frozen=True)
class Race:
    """An attack of ours, with settings from cheap to dear, beside one of a library.

    `size` is what both minimise; `most` clips are attacked where theirs takes long.
    """

    attack: str
    settings: Sequence[Settings]
    library: str
    other: str
    its_settings: Settings
    aim: float
    size: Callable[[Tensor], Tensor] | None = None
    most: int = 16


EVOLUTION = [{**WHOLE, "samples": 10, "queries": number} for number in (30, 60, 120, 240, 360, 480, 720, 960)]
SALIENT = [
    {**FEWEST, "samples": -(-FEW // steps), "steps": steps, "targeted": True, "thinned": False}
    for steps in (4, 8, 16, 32, 64)
]
DESCENTS = [
    {**WHOLE, "rounds": rounds, "steps": steps, "learning_rate": rate}
    for rounds, steps, rate in ((2, 4, 2.0), (2, 15, 0.3), (2, 20, 0.2), (2, 30, 0.15), (2, 40, 0.1), (9, 100, 0.2))
]
LIMITS = [{**WHOLE, "rounds": rounds, "steps": 10} for rounds in (1, 2, 4, 8, 16, 32)]
RACES = (
    Race(
        "sparsefool",
        [
            {**WHOLE, "thinned": False, "push": 10.0, "deepfool_steps": 3, "candidates": 2},
            {**WHOLE, "thinned": False, "candidates": 2},
            {**WHOLE, "thinned": False},
            WHOLE,
        ],
        "torchattacks",
        "SparseFool",
        {"steps": 20, "lam": 3},
        10,
        samples,
    ),
    Race(
        "jsma",
        SALIENT,
        "ART",
        "SaliencyMapMethod",
        {"theta": 0.5, "gamma": FEW / SIZE, "batch_size": 16, "verbose": False},
        10,
    ),
    Race(
        "boundary",
        [{**WHOLE, "queries": number} for number in (10, 15, 20, 30, 40, 60, 80, 160, 320)],
        "ART",
        "BoundaryAttack",
        {"targeted": False, "max_iter": 20, "sample_size": 20, "verbose": False},
        10,
        euclidean,
    ),
    Race(
        "pixel",
        EVOLUTION,
        "ART",
        "PixelAttack",
        {"th": 10, "es": 1, "max_iter": 1},
        3,
    ),
    Race("one_pixel", EVOLUTION, "torchattacks", "OnePixel", {"pixels": 10, "steps": 10, "popsize": 30}, 3),
    Race("cw_l2", DESCENTS, "torchattacks", "CW", {"c": 1.0, "steps": 50, "lr": 0.01}, 3, euclidean),
    Race(
        "cw_l2",
        DESCENTS,
        "ART",
        "CarliniL2Method",
        {"binary_search_steps": 3, "max_iter": 10, "batch_size": 16, "verbose": False},
        3,
        euclidean,
    ),
    Race(
        "cw_linf",
        LIMITS,
        "ART",
        "CarliniLInfMethod",
        {"max_iter": 10, "decrease_factor": 0.5, "initial_const": 0.01, "const_factor": 10.0, "verbose": False},
        3,
        largest,
        most=4,
    ),
)


def run(race: Race, scene: Scene) -> dict[str, Any]:
    """Compare attacks that end of themselves: ours with the first settings that have the same success."""
    scene = scene.first(race.most)
    other, theirs = cpu_seconds(lambda: LIBRARIES[race.library](race.other, race.its_settings, scene))
    missed = scene.fooled(theirs)
    for settings in race.settings:
        attack = ours(race.attack, settings)
        seconds, mine = cpu_seconds(lambda attack=attack: attack(scene))
        sizes = {}
        both = scene.fooled(mine) & missed
        if race.size and both.any():
            sizes = {
                who: float(race.size((found - scene.clips)[both]).mean())
                for who, found in (("ours", mine), ("other", theirs))
            }
        same = scene.fooled(mine).sum() >= missed.sum() and (not sizes or sizes["ours"] <= sizes["other"])
        if same:
            break
    return {
        "attack": race.attack,
        "ours": round(seconds, 3),
        "other": round(other, 3),
        "library": race.library,
        "ratio": round(other / seconds, 3),
        "aim": race.aim,
        "same_success": bool(same),
        "clips": len(scene.clips),
        "ours_fooled": int(scene.fooled(mine).sum()),
        "other_fooled": int(missed.sum()),
        **({f"{who}_{race.size.__name__}": round(size, 4) for who, size in sizes.items()} if race.size else {}),
        "settings": settings,
        "other_attack": race.other,
        "other_settings": race.its_settings,
    }


# ------------------------------------------------------------------ the model, the whole


def spoken() -> Scene:
    """Return test clips of synthetic speech and an Emo18 that was trained on others."""
    with tempfile.TemporaryDirectory() as name:
        model, dataset, split = trained(Path(name), Synthetic(speakers=6, sentences=4))
        return Scene.of(model, dataset, split.test)


def given(folder: str, dataset: str) -> Scene:
    split = json.loads((Path(folder) / "config.json").read_text())["split"]
    return Scene.of(load_model(folder), Dataset(dataset), sorted(split["test"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="dataset_true")
    parser.add_argument("--model")
    parser.add_argument("--dataset")
    parser.add_argument("--only", nargs="+", default=[*CLIMBS, *(race.attack for race in RACES)])
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    keep_freed_memory()
    scene = given(arguments.model, arguments.dataset) if arguments.model else spoken()
    scene = scene.first(16 if arguments.full else 4)
    about = {
        "unit": "seconds of CPU time",
        "model": Path(arguments.model).name if arguments.model else "emo18 of synthetic speech",
        "versions": versions("adversarial-robustness-toolbox", "torchattacks"),
        **provenance(),
    }
    rows = []
    for name in (name for name in CLIMBS if name in arguments.only):
        rows += climb(name, scene)
        print(*map(json.dumps, rows[-2:]), sep="\n", flush=True)
    for race in (race for race in RACES if race.attack in arguments.only):
        rows.append(run(race, scene))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.full:
        text = json.dumps([{**row, **about} for row in rows], indent=2)
        (RESULTS / "attacks.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
