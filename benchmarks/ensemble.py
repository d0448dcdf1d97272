"""Compare the ensemble of `staanet evaluate` with its authors' code on one checkpoint, at equal steps and budgets.

    python benchmarks/ensemble.py --model FOLDER --dataset DATASET --auto-attack FOLDER --sparse-pgd FOLDER \\
        --sigma-zero FOLDER

Prints a table in Markdown. `staanet train` wrote the model, on clips of one
length; `benchmarks/authors_code.py` says where the folders of the authors come from. The clips are test clips that the
model gets right, with a peak of 0.5, so that one epsilon in full scale is the same budget for all of them.
"""

import argparse
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from authors_code import SOURCES, Attack, auto_attack, fmn, sigma_zero, sparse_auto_attack
from torch import Tensor, nn

from staanet import load_model
from staanet.assessment.measurement import members_of
from staanet.assessment.search import Saved, Search
from staanet.assessment.settings import ENSEMBLE, PRESETS, Curves, Member
from staanet.attacks.bridges.module import WholeClips
from staanet.audio.lengths import fit_length
from staanet.core.classifier import as_classifier
from staanet.core.unwrapping import frozen
from staanet.data import Batch, Dataset
from staanet.models import Model

PEAK = 0.5


class Images(WholeClips):
    """A model as a network of images `[N, 1, H, W]` in [0, 1], of which 0.5 stands for the samples of `centre` `[T]`.

    Args:
        model: The model.
        centre: Samples of a clip; silence to pass whole clips.
        reach: Change of a sample that takes it to the end of the range.
    """

    def __init__(self, model: Model, centre: Tensor, reach: float) -> None:
        super().__init__(model)
        self.centre, self.reach, self.classes = centre, reach, len(model.labels)
        self.device_marker = nn.Parameter(torch.empty(0))

    def forward(self, images: Tensor) -> Tensor:
        if not len(images):  # asked by Sparse-RS once every image is fooled
            return images.new_zeros(0, self.classes)
        return super().forward(self.centre + self.reach * (2 * images.flatten(1) - 1))

    def images_of(self, clips: Tensor) -> Tensor:
        height = next(height for height in range(int(clips.shape[1] ** 0.5), 0, -1) if clips.shape[1] % height == 0)
        return (((clips - self.centre) / self.reach + 1) / 2).reshape(len(clips), 1, height, -1)


def clips_of(model: Model, dataset: Dataset, ids: Sequence[str], count: int) -> Batch:
    """Return clips of one length that the model gets right."""
    batch = dataset.batch(ids)
    size = round(model.settings.seconds * model.sample_rate)
    waveforms = fit_length(batch.waveforms, batch.lengths, size)
    waveforms = PEAK * waveforms / waveforms.abs().amax(1, keepdim=True)
    with torch.no_grad():
        right = (model(waveforms).argmax(1) == batch.labels).nonzero()[:, 0][:count].tolist()
    lengths = torch.full((len(right),), size)
    return Batch(waveforms[right], lengths, batch.labels[right], tuple(batch.ids[row] for row in right))


def alone(member: Member) -> Member:
    """Return an attack of the ensemble as one that attacks every clip at every budget."""
    return replace(member, last_resort=False)


def searched(
    model: Model, batch: Batch, curves: Curves, members: Sequence[Member], kind: str, each: bool
) -> dict[str, list[int]]:
    """Return the clips that remain right at each budget, under the ensemble and, if asked, under each member."""
    points, reference = (
        (curves.dense_points, curves.dense_reference)
        if kind == "dense"
        else (curves.sparse_points, curves.sparse_reference)
    )
    classifier = as_classifier(model)
    found: dict[str, list[int]] = {}
    with frozen(classifier):
        for name, own in [("ensemble", list(members)), *((one.attack, [alone(one)]) for one in members if each)]:
            search = Search(classifier, batch, points, Saved("float32"), 0, reference=reference)
            for member in own:
                search.run(member)
            found[name] = [sum(smallest > number for smallest in search.smallest) for number in range(len(points))]
    return found


def remaining(model: nn.Module, images: Tensor, labels: Tensor, attacks: Mapping[str, Attack]) -> dict[str, Tensor]:
    """Return which clips remain right under each attack of the authors."""
    found = {}
    for name, attack in attacks.items():
        adversarial = attack(model, images.clone(), labels.clone())
        with torch.no_grad():
            found[name] = model(adversarial).argmax(1) == labels
    return found


def dense(arguments: argparse.Namespace, model: Model, batch: Batch) -> None:
    effort, whole = PRESETS[arguments.preset], Images(model, torch.zeros(batch.waveforms.shape[1]), 1.0)
    curves, images = Curves.of(tuple(arguments.budgets)), whole.images_of(batch.waveforms)
    members, _ = members_of(effort, model)
    ours = searched(model, batch, curves, members, "dense", arguments.members)
    steps = {member.attack: int(member.settings.get("steps", 0)) for member in members}
    smallest = fmn(whole, images, batch.labels, steps["fmn"])
    with torch.no_grad():
        sizes = 2 * (smallest - images).abs().flatten(1).amax(1)
        sizes[whole(smallest).argmax(1) == batch.labels] = torch.inf
    for number, snr in enumerate(curves.dense):
        epsilon = PEAK * 10 ** (-snr / 20)
        attacks = auto_attack(
            arguments.auto_attack, epsilon / 2, steps["apgd"], effort.dense_queries, len(model.labels)
        )
        theirs = remaining(whole, images, batch.labels, attacks)
        shown = {name: int(one.sum()) for name, one in theirs.items()}
        together = int(torch.stack(list(theirs.values())).all(0).sum())
        print_row(
            budget=f"{snr:g} dB",
            clips=len(batch.ids),
            ours={name: counts[number] for name, counts in ours.items()},
            authors={"AutoAttack": together, **shown, "FMN": int((sizes > epsilon * (1 + 1e-5)).sum())},
        )


def sparse(arguments: argparse.Namespace, model: Model, batch: Batch) -> None:
    effort, size = PRESETS[arguments.preset], batch.waveforms.shape[1]
    curves = Curves(dense=(40.0,), sparse=tuple(arguments.shares))
    _, members = members_of(effort, model)
    ours = searched(model, batch, curves, members, "sparse", arguments.members)
    steps = {member.attack: int(member.settings.get("steps", 0)) for member in members}
    reach = PEAK * 10 ** (-curves.sparse_snr_db / 20)
    counts = [max(1, int(share * size)) for share in curves.sparse]
    kept: dict[str, list[list[bool]]] = {}
    changed = []
    for row, clip in enumerate(batch.waveforms):
        own = Images(model, clip, reach)
        images, labels = own.images_of(clip[None]), batch.labels[row : row + 1]
        smallest = sigma_zero(arguments.sigma_zero, steps["sigma_zero"])(own, images, labels)
        with torch.no_grad():
            fooled = bool(own(smallest).argmax(1) != labels)
        changed.append(int(((smallest - images).abs() > 0).sum()) if fooled else size + 1)
        for number, count in enumerate(counts):
            attacks = sparse_auto_attack(arguments.sparse_pgd, count, steps["spgd"], effort.sparse_queries)
            for name, one in remaining(own, images, labels, attacks).items():
                kept.setdefault(name, [[] for _ in counts])[number].append(bool(one))
    for number, share in enumerate(curves.sparse):
        shown = {name: sum(lists[number]) for name, lists in kept.items()}
        together = sum(all(one) for one in zip(*(lists[number] for lists in kept.values()), strict=True))
        print_row(
            budget=f"{100 * share:g} % at {curves.sparse_snr_db:g} dB",
            clips=len(batch.ids),
            ours={name: values[number] for name, values in ours.items()},
            authors={
                "Sparse-AutoAttack": together,
                **shown,
                "sigma-zero": sum(number_changed > counts[number] for number_changed in changed),
            },
        )


def print_row(budget: str, clips: int, ours: Mapping[str, int], authors: Mapping[str, int]) -> None:
    """Print how many of the clips remain right at a budget, as a row of the table."""

    def listed(counts: Mapping[str, int]) -> str:
        (first, best), *rest = counts.items()
        return ", ".join([f"**{best}** ({first})", *(f"{name} {count}" for name, count in rest)])

    print(f"| {budget} | {clips} | {listed(ours)} | {listed(authors)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    for name, source in SOURCES.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, help=source)
    parser.add_argument("--preset", choices=PRESETS, default="standard")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--budgets", type=float, nargs="+", default=[60.0, 50.0, 40.0])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0001, 0.001, 0.01])
    parser.add_argument("--members", action="store_true", help="show each of our attacks, too")
    parser.add_argument("--only", choices=["dense", "sparse"])
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    model = load_model(arguments.model)
    test = json.loads((arguments.model / "config.json").read_text())["split"]["test"]
    batch = clips_of(model, Dataset(arguments.dataset), sorted(test), arguments.clips)
    print(f"{ENSEMBLE}, preset {arguments.preset}: clips that remain right, fewer is stronger")
    print("| budget | clips | this library | the authors' code |\n| --- | ---: | --- | --- |")
    if arguments.only != "sparse":
        dense(arguments, model, batch)
    if arguments.only != "dense":
        sparse(arguments, model, batch)


if __name__ == "__main__":
    main()
