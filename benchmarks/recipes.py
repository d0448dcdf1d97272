"""What `staanet compare` says of toy models whose differences are known: equal ones, recipes apart, and false alarms.

    python benchmarks/recipes.py --speakers 20 --sentences 3

Trains a small network on synthetic speech by two recipes, plain and with noise, with five seeds each, and measures them
with the steps of the preset `quick`. Prints tables in Markdown.
"""

import argparse
import tempfile
import warnings
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import torch
from torch import nn

from staanet.assessment.clips import chosen
from staanet.assessment.compare import Side, compared
from staanet.assessment.compare import wording as compare_wording
from staanet.assessment.measurement import measure
from staanet.assessment.runs import Conditions, Run
from staanet.assessment.saving import Saved
from staanet.assessment.settings import ENSEMBLE, PRESETS, Curves
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic
from staanet.data import Dataset, by_speaker, prepare
from staanet.models.external import External, ExternalSettings

SECONDS, RATE = 0.5, 16_000
CURVES = Curves(dense=(60.0, 50.0, 40.0, 30.0), sparse=())
NOISE = 0.05
"""Standard deviation of the noise of the second recipe, in full scale."""


def trained(dataset: Dataset, clips: list[str], noise: float, seed: int) -> nn.Module:
    """Return a network that was trained on clips with noise."""
    samples = round(SECONDS * RATE)
    batch = dataset.batch(clips)
    waveforms = nn.functional.pad(batch.waveforms, (0, samples))[:, :samples]
    with seeded(seed, "recipe"):
        network = nn.Sequential(
            nn.Unflatten(1, (1, -1)),
            nn.Conv1d(1, 24, 160, 40),
            nn.ReLU(),
            nn.BatchNorm1d(24),
            nn.Conv1d(24, 48, 16, 4),
            nn.ReLU(),
            nn.AdaptiveMaxPool1d(1),
            nn.Flatten(),
            nn.Linear(48, len(dataset.labels)),
        )
        optimiser = torch.optim.Adam(network.parameters(), 2e-3)
        for _ in range(25):
            for rows in torch.randperm(len(waveforms)).split(32):
                points = waveforms[rows] + noise * torch.randn(len(rows), samples)
                loss = nn.functional.cross_entropy(network(points), batch.labels[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    return network.eval()


def measured(dataset: Dataset, clips: list[str], network: nn.Module, name: str, seed: int, folder: Path) -> Run:
    """Return the results of a network as an evaluation that can be compared."""

    model = External(network, ExternalSettings(labels=dataset.labels, sample_rate=RATE, seconds=SECONDS), name)
    parts = folder / f"{name}-{seed}"
    parts.mkdir()
    saved = Saved()
    rows = measure(
        model,
        dataset,
        clips,
        CURVES,
        PRESETS["quick"],
        saved=saved,
        seed=seed,
        device=torch.device("cpu"),
        parts=parts,
    )
    settings = {
        "ensemble": ENSEMBLE,
        "preset": "quick",
        "curves": asdict(CURVES),
        "saved": saved.name,
        "labels": dataset.labels,
    }
    about = {"settings": settings, "corpus": dataset.corpus, "sample_rate": RATE, "data": dataset.digest}
    conditions = Conditions.of(about, {row.id: (row.label, row.speaker) for row in rows})
    return Run(parts, name, {"weights": name}, ["fmn", "apgd"], (), conditions, {row.id: row for row in rows})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speakers", type=int, default=24)
    parser.add_argument("--sentences", type=int, default=3)
    parser.add_argument("--clips", type=int, default=100)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = Synthetic(speakers=arguments.speakers, sentences=arguments.sentences, seconds=(0.5, 0.6))
        dataset = prepare(corpus, folder, folder / "dataset")
        split = by_speaker(list(dataset.utterances.values()), shares=(0.4, 0.1, 0.5))
        clips = chosen(dataset.without([*split.train, *split.val]), arguments.clips)
        sides: dict[str, list[Run]] = {"plain": [], "noise": []}
        for seed in range(5):
            for recipe, noise in (("plain", 0.0), ("noise", NOISE)):
                network = trained(dataset, sorted(split.train), noise, seed)
                sides[recipe].append(measured(dataset, clips, network, f"{recipe}{seed}", 0, folder))
                if (recipe, seed) == ("plain", 0):
                    again = measured(dataset, clips, network, "again", 1, folder)
    shown(sides, again)


def shown(sides: dict[str, list[Run]], again: Run) -> None:
    """Print what the comparison says."""
    plain, noise = sides["plain"], sides["noise"]
    one = Side("plain", plain[:1])
    print("| compared | verdict |\n| --- | --- |")
    for title, found in (
        ("one model, two seeds of the attacks", compared([one, Side("again", [again])])[0]),
        ("one plain and one noise-trained model", compared([one, Side("noise", noise[:1])])[0]),
        ("the two recipes, five trainings each", compared([Side("plain", plain), Side("noise", noise)], True)[0]),
    ):
        print(f"| {title} | {compare_wording.headline(found)} |", flush=True)
    print("\n| pairs of five seeds | pairs | robust accuracy told apart |\n| --- | ---: | ---: |")
    for recipe, runs in sides.items():
        pairs = [compared([Side("a", [a]), Side("b", [b])])[0] for a, b in combinations(runs, 2)]
        alarms = sum(any(one.result != "undecided" for one in found.of("accuracy_robust")) for found in pairs)
        print(f"| two trainings of {recipe}, as single models | {len(pairs)} | {alarms} |")
    halves = [
        (two, [run for run in runs if run not in two]) for runs in sides.values() for two in combinations(runs, 2)
    ]
    found = [compared([Side("a", a), Side("b", b)], True)[0] for a, b in halves]
    alarms = sum(any(one.result != "undecided" for one in each.of("accuracy_robust")) for each in found)
    print(f"| two against the other three trainings of one recipe, as recipes | {len(found)} | {alarms} |")


if __name__ == "__main__":
    main()
