"""ASR against seconds per clip, of attacks by one pass of a generator and of attacks by gradients, on one model.

python benchmarks/one_pass.py --source MODEL --dataset DATASET --generator FOLDER --generator FOLDER
python benchmarks/one_pass.py --draw                                        only the figure, from earlier results

`staanet train` wrote the model and `staanet fit` the generators, which also says how long they were trained: the time
of two steps of the same training is measured, and multiplied by the number of steps. Clips are attacked one at a time
in one thread, and time is that of the processor, which other programs do not prolong. An attack by gradients ends at a
clip that is fooled within the budget. What it would have reached by fewer gradients is known from the same run:
`sparse_pgd` and `spgd` take the same steps whatever their number, and `sigma_zero` is one of a run of so many steps.
"""

import argparse
import copy
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from claims import RESULTS, provenance
from matplotlib.figure import Figure
from torch import Tensor

from staanet import create_attack, load_model
from staanet.attacks import Attack
from staanet.attacks.generator import Generator, load_generator
from staanet.core import checkpoints
from staanet.core.budget import Budget
from staanet.core.files import read_json, write_json
from staanet.core.memory import keep_freed_memory
from staanet.core.settings import validated
from staanet.data import Dataset, Split
from staanet.models import Model
from staanet.report import figures
from staanet.report.wording import percent
from staanet.tasks.train import split_of_model
from staanet.training.generator import GeneratorTraining, train_generator

ROOT = Path(__file__).resolve().parents[1]
FIGURE = ROOT / "docs" / "images" / "one_pass.svg"
SNR_DB, SHARES = 17.0, (0.12, 0.01)
BY_GRADIENTS = ("sparse_pgd", "spgd", "sigma_zero")
STEPS = (1, 2, 3, 5, 10, 20, 50, 100, 200)
"""Numbers of gradients at which the curves have points, as far as a run goes."""
TIMED_STEPS = 2

Row = dict[str, Any]


class FooledError(Exception):
    """A clip is fooled within the budget."""


class Watched:
    """A model that counts the gradients of an attack on one clip, and ends it when the clip is fooled.

    Args:
        model: The model.
        clip: The clean clip, `[1, T]`.
        label: Its class, `[1]`.
        count: Largest number of samples that may change.
    """

    def __init__(self, model: Callable[..., Tensor], clip: Tensor, label: Tensor, count: int) -> None:
        self.model, self.clip, self.label, self.count = model, clip, label, count
        self.gradients = 0

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        logits = self.model(waveforms, lengths)
        if bool(logits.argmax(1) != self.label) and int((waveforms.detach() != self.clip).sum()) <= self.count:
            raise FooledError
        self.gradients += int(waveforms.requires_grad)
        return logits


class Clip(NamedTuple):
    """A clip at its own length, `[1, T]`, and what the model decides about it, `[1]`."""

    waveforms: Tensor
    label: Tensor


@dataclass(frozen=True)
class Scene:
    """What is attacked.

    Args:
        model: The source model, which is also the target.
        dataset: Dataset of the clips.
        split: The split on which the model was trained.
        clips: Test clips, cut to the length to which the model cuts them.
    """

    model: Model
    dataset: Dataset
    split: Split
    clips: Sequence[Clip]

    @classmethod
    def of(cls, reference: Path, folder: Path, count: int) -> "Scene":
        """Return a model and some of its test clips, evenly spread over their names."""
        model, dataset = load_model(reference), Dataset(folder)
        split = split_of_model(reference, dataset, 0)
        names = sorted(split.test)
        names = [names[len(names) * number // count] for number in range(min(count, len(names)))]
        clips = []
        for name in names:
            clip = dataset.waveform(name)[None, : model.trained_length]
            with torch.no_grad():
                clips.append(Clip(clip, model(clip).argmax(1)))
        return cls(model, dataset, split, clips)


def seconds_of(function: Callable[[], object]) -> float:
    began = time.process_time()
    function()
    return time.process_time() - began


def by_gradients(scene: Scene, name: str, sparsity: float, steps: int) -> Iterator[Row]:
    """Yield a row for each number of steps of an attack by gradients."""
    attack = create_attack(name, steps=steps, snr_db=SNR_DB, sparsity=sparsity)
    needed, gradients, seconds = [], 0, 0.0
    for clip in scene.clips:
        length = torch.tensor([clip.waveforms.shape[1]])
        watched = Watched(scene.model, *clip, int(attack.budget.resolve(clip.waveforms, length)[1]))
        began = time.process_time()
        try:
            attack(watched, *clip)
            needed.append(math.inf)
        except FooledError:
            needed.append(watched.gradients)
        seconds += time.process_time() - began
        gradients += max(1, watched.gradients)
    for number in [one for one in STEPS if one < steps] + [steps]:
        asr = sum(one <= number for one in needed) / len(needed)
        yield {"attack": name, "steps": number, "asr": asr, "seconds_per_clip": number * seconds / gradients}


def in_one_pass(scene: Scene, attack: Attack) -> Row:
    """Return the row of an attack without iterations."""
    attack(scene.model, *scene.clips[0])
    fooled, seconds = 0, 0.0
    for clip in scene.clips:
        found: list[Tensor] = []
        seconds += seconds_of(lambda clip=clip, found=found: found.append(attack(scene.model, *clip)))
        with torch.no_grad():
            fooled += int(scene.model(found[0]).argmax(1) != clip.label)
    return {"attack": attack.name, "asr": fooled / len(scene.clips), "seconds_per_clip": seconds / len(scene.clips)}


def training_seconds(scene: Scene, network: Generator, folder: Path) -> float | None:
    """Return how long a generator was trained, by the time of two steps; None if its settings are not known."""
    config = read_json(folder / checkpoints.CONFIG)
    made_from = config.get("made_from", {})
    if "training" not in made_from:
        return None
    settings = validated(GeneratorTraining, made_from["training"], str(folder))
    clips = scene.split.train[: TIMED_STEPS * settings.batch_size]
    with tempfile.TemporaryDirectory() as place:
        run = partial(
            train_generator, copy.deepcopy(network), scene.model, scene.dataset, clips, [], replace(settings, epochs=1)
        )
        took = seconds_of(lambda: run(Path(place) / "progress", 0, torch.device("cpu")))
    measured = math.ceil(len(clips) / settings.batch_size)
    return settings.epochs * math.ceil(len(scene.split.train) / settings.batch_size) * took / measured


def pays_after(row: Row, others: Sequence[Row]) -> tuple[int | None, str | None]:
    """Return after how many clips a training has paid for itself, and the attack with which it is compared.

    It is the fastest one by gradients that reaches at least the ASR of the generator. None if none does, or if it is
    not slower than the generator.
    """
    equal = [one for one in others if one["sparsity"] == row["sparsity"] and one["asr"] >= row["asr"]]
    if row["training_seconds"] is None or not equal:
        return None, None
    other = min(equal, key=lambda one: one["seconds_per_clip"])
    saved, title = other["seconds_per_clip"] - row["seconds_per_clip"], f"{other['attack']}, {other['steps']} steps"
    return (math.ceil(row["training_seconds"] / saved) if saved > 0 else None), title


def measured(scene: Scene, generators: Sequence[Path], steps: int) -> list[Row]:
    """Return a row for each attack, number of steps and sparsity."""
    networks = {folder: load_generator(folder) for folder in generators}
    trained = {folder: training_seconds(scene, network, folder) for folder, network in networks.items()}
    rows: list[Row] = []
    for sparsity in SHARES:
        about = {"sparsity": sparsity, "snr_db": SNR_DB, "clips": len(scene.clips)}
        others = [about | row for name in BY_GRADIENTS for row in by_gradients(scene, name, sparsity, steps)]
        budget = Budget(snr_db=SNR_DB, sparsity=sparsity)
        rows += [*others, about | in_one_pass(scene, create_attack("noise", budget=budget))]
        for folder, network in networks.items():
            name = "one_gradient" if network.uses_gradients else "staa_net"
            row = about | in_one_pass(scene, create_attack(name, generator=network, budget=budget))
            row |= {"generator": network.name, "training_seconds": trained[folder]}
            after, than = pays_after(row, others)
            rows.append(row | {"pays_after_clips": after, "compared_with": than})
    return rows


def figure(rows: Sequence[Row]) -> str:
    """Return the figure as SVG on a white background."""
    drawn = str(figures.svg(_draw, rows, prefix="one-pass"))
    return drawn.replace("<svg ", '<svg style="background: #fff; color: #222" ', 1) + "\n"


def _draw(drawing: Figure, rows: Sequence[Row]) -> str:
    drawing.set_size_inches(9, 4.2)
    shares = list(dict.fromkeys(row["sparsity"] for row in rows))
    for axes, share in zip(drawing.subplots(1, len(shares), sharey=True, squeeze=False)[0], shares, strict=True):
        _draw_panel(axes, [row for row in rows if row["sparsity"] == share])
        axes.set_title(f"{percent(share, 0)} % of the samples")
        axes.set_xlabel("seconds per clip")
    drawing.axes[0].set_ylabel("ASR")
    drawing.legend(*drawing.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    fastest = min((row for row in rows if "generator" in row), key=lambda row: row["seconds_per_clip"])
    return (
        f"ASR against seconds per clip, {rows[0]['clips']} clips, {rows[0]['snr_db']:g} dB below the peak. The fastest "
        f"attack by a generator, {fastest['generator']}, takes {fastest['seconds_per_clip']:.2g} s per clip."
    )


def _draw_panel(axes: Any, rows: Sequence[Row]) -> None:
    for number, name in enumerate(BY_GRADIENTS):
        curve = [row for row in rows if row["attack"] == name]
        x, y = ([row[key] for row in curve] for key in ("seconds_per_clip", "asr"))
        label = f"{name}, 1 to {curve[-1]['steps']} gradients"
        axes.plot(x, y, "-o", color=figures.PALETTE[number + 1], markersize=3, linewidth=1.2, label=label)
    for number, row in enumerate(one for one in rows if "generator" in one):
        place = row["seconds_per_clip"], row["asr"]
        marker = figures.MARKERS[(number + 1) % len(figures.MARKERS)]
        axes.plot(*place, marker, color=figures.ATTACK, label=f"{row['attack']}, {row['generator']}", markersize=7)
        if row["pays_after_clips"] is not None:
            count = float(f"{row['pays_after_clips']:.1e}")
            text = f"{count:,.0f}".replace(",", " ")
            axes.annotate(text, place, (7, 5 if number % 2 else -11), textcoords="offset points")
    noise = next(row["asr"] for row in rows if row["attack"] == "noise")
    axes.axhline(noise, color=figures.CONTROL, linewidth=1, linestyle=":", label="noise")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_ylim(-0.02, 1.06)
    axes.yaxis.set_major_formatter(figures.IN_PERCENT)
    axes.grid()


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="the model, which staanet train wrote")
    parser.add_argument("--dataset", type=Path, help="the dataset on which it was trained")
    parser.add_argument("--generator", type=Path, action="append", default=[], help="can be repeated")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--steps", type=int, default=50, help="largest number of gradients per clip")
    parser.add_argument("--out", type=Path, default=RESULTS / "one_pass.json")
    parser.add_argument("--figure", type=Path, default=FIGURE)
    parser.add_argument("--draw", action="store_true", help="draw earlier results")
    arguments = parser.parse_args(given)
    if not arguments.draw:
        if arguments.source is None or arguments.dataset is None or not arguments.generator:
            parser.error("expected --source, --dataset and one or more --generator, or --draw")
        keep_freed_memory()
        torch.set_num_threads(1)
        scene = Scene.of(arguments.source, arguments.dataset, arguments.clips)
        about = {"source": scene.model.name, "corpus": scene.dataset.corpus, **provenance()}
        write_json(arguments.out, [row | about for row in measured(scene, arguments.generator, arguments.steps)])
    rows = cast(list[Row], json.loads(arguments.out.read_text()))
    arguments.figure.write_text(figure(rows))
    for row in rows:
        print(", ".join(f"{key} {value}" for key, value in row.items() if key not in provenance()))


if __name__ == "__main__":
    main()
