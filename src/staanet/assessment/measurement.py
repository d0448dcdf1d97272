"""The measurement of an evaluation: every clip clean, under noise and under the attacks of the ensemble."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from staanet.assessment.attackers import ADAPTIVE
from staanet.assessment.search import Saved, Search, quietly
from staanet.assessment.settings import ONLY_QUERIES, Curves, Effort, Member
from staanet.attacks import create_attack
from staanet.core import checksums
from staanet.core.budget import Budget
from staanet.core.checkpoints import load_tensors, save_tensors
from staanet.core.classifier import CheckedClassifier, as_classifier
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, write_json
from staanet.core.progress import track
from staanet.core.unwrapping import frozen
from staanet.data import Batch, Dataset
from staanet.models import Model

BATCH = 8
"""Clips that are attacked at once."""


@dataclass(frozen=True)
class Curve:
    """What the search found for a clip on one kind of budgets.

    Args:
        smallest: Number of the smallest budget at which the clip is fooled; the number of budgets if it never is.
        attack: Attack that found it; None without one.
        noise: For each budget, whether the clip is right under noise of its size.
        decided: The emotion that the model decides on for the attacked clip; None if the clip is never fooled.
        attackers: If there are several attackers, the smallest budget at which each of them fools the clip.
    """

    smallest: int
    attack: str | None
    noise: tuple[bool, ...]
    decided: str | None = None
    attackers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """The results of one clip.

    Args:
        id: Id of the clip.
        label: Its emotion.
        predicted: The emotion that the model decides on for the clean clip.
        speaker: Its speaker.
        gender: Gender of the speaker, None if unknown.
        language: Language of the clip, None if unknown.
        dense: Results where every sample may change.
        sparse: Results where few samples may change.
    """

    id: str
    label: str
    predicted: str
    speaker: str
    gender: str | None
    language: str | None
    dense: Curve
    sparse: Curve

    @property
    def right(self) -> bool:
        """Whether the model is right on the clean clip."""
        return self.label == self.predicted


def members_of(effort: Effort, model: Model) -> tuple[list[Member], list[Member]]:
    """Return the attacks of the ensemble that a model can serve: those on every sample, and those on few samples."""
    white = model.access == "gradient"
    dense, sparse = (list(effort.dense), list(effort.sparse)) if white else ([], [])
    for members, name, queries in (
        (dense, "fakebob", effort.dense_queries),
        (sparse, "sparse_rs", effort.sparse_queries),
    ):
        queries = queries or (0 if white else ONLY_QUERIES)
        if queries and model.access != "decision":
            members.append(Member(name, {"queries": queries}, last_resort=white))
        elif queries:
            members.append(Member("boundary", {"queries": queries}))
    return dense, sparse


def measure(
    model: Model,
    dataset: Dataset,
    clips: Sequence[str],
    curves: Curves,
    effort: Effort,
    *,
    saved: Saved,
    seed: int,
    device: torch.device,
    parts: Path,
    sources: Mapping[str, Model] | None = None,
    only: int | None = None,
) -> list[Row]:
    """Return the results of clips; batches that are complete in the folder `parts` are read instead.

    Args:
        model: The model as it decides.
        dataset: Dataset of the clips.
        clips: Ids of the clips.
        curves: The budgets.
        effort: The attacks with their steps.
        saved: How clips are saved.
        seed: Random seed of the attacks.
        device: Device to compute on.
        parts: Folder of the batches.
        sources: What each attacker attacks, by the name of the attacker; a clip is fooled if any of them fools it.
            Default: one attacker, of the model as it is.
        only: Number of the one batch that is measured; all by default.
    """
    members = members_of(effort, model)
    classifier = as_classifier(model)
    attacked = {ADAPTIVE: model} if sources is None else sources
    seen = {name: classifier if source is model else as_classifier(source) for name, source in attacked.items()}
    rows: list[Row] = []
    checked = False
    for number, ids in enumerate(track(dataset.batches(clips, BATCH), "evaluate")):
        if only is not None and number != only:
            continue
        names = part_names(number)
        part = parts / names[0]
        if not checksums.intact(parts, names):
            batch = dataset.batch(ids).to(device)
            with ExitStack() as stack:
                for one in (classifier, *seen.values()):
                    stack.enter_context(frozen(one))
                made, tensors = _measured(classifier, seen, dataset, batch, curves, members, saved, seed)
            save_tensors(part.with_suffix(".safetensors"), tensors)
            write_json(part, [asdict(row) for row in made])
            checksums.add(parts, [parts / name for name in names])
        elif not checked:
            check_unchanged(classifier, dataset.batch(ids).to(device), read_rows(part), dataset.labels, saved)
            checked = True
        rows += [_as_known(row, dataset) for row in read_rows(part)]
    return rows


def _as_known(row: Row, dataset: Dataset) -> Row:
    """Return the results of a clip with what the dataset says of its speaker now."""
    about = dataset.utterances[row.id]
    return replace(row, speaker=about.speaker, gender=about.gender, language=about.language)


def part_names(number: int) -> list[str]:
    """Return the names of the files of a batch: the results of its clips, and the attacked clips."""
    return [f"{number:05d}.json", f"{number:05d}.safetensors"]


def check_unchanged(
    model: CheckedClassifier, batch: Batch, rows: Sequence[Row], labels: Sequence[str], saved: Saved
) -> None:
    """Check that a model still decides on clips as it did when their results were written.

    A model behind a server, or one whose file imports others, may change without its name and weights.

    Args:
        model: The model.
        batch: The clips.
        rows: Their earlier results.
        labels: Emotions in the order of the classes.
        saved: How clips are saved.

    Raises:
        StaanetError: If it decides otherwise, unless its decisions differ from call to call.
    """
    clips = saved.clean(batch.waveforms)
    with torch.no_grad():
        now, again = (model(clips, batch.lengths).argmax(1).tolist() for _ in range(2))
    before = {row.id: row.predicted for row in rows}
    changed = sum(labels[place] != before[clip] for place, clip in zip(now, batch.ids, strict=True))
    if changed and now == again:
        raise StaanetError(
            f"expected the model with which this evaluation began, got one that decides otherwise on {changed} of "
            f"{len(rows)} clips; evaluate it into another --out"
        )


def read_rows(path: Path) -> list[Row]:
    """Return the results of clips that were written to a JSON file."""
    return [_row(row) for row in read_json(path)]


def adversarial_clips(parts: Path, kind: str = "dense") -> dict[str, torch.Tensor]:
    """Return the attacked clips `[T]` by their ids, each at the smallest budget of a kind that fools the model.

    Args:
        parts: Folder of the batches.
        kind: `dense`, where every sample may change, or `sparse`.
    """
    found = [load_tensors(path) for path in sorted(parts.glob("*.safetensors"))]
    return {
        name.removeprefix(f"{kind}/"): clip
        for tensors in found
        for name, clip in tensors.items()
        if name.startswith(f"{kind}/")
    }


def _measured(
    model: CheckedClassifier,
    sources: Mapping[str, CheckedClassifier],
    dataset: Dataset,
    batch: Batch,
    curves: Curves,
    members: tuple[list[Member], list[Member]],
    saved: Saved,
    seed: int,
) -> tuple[list[Row], dict[str, torch.Tensor]]:
    batch = Batch(saved.clean(batch.waveforms), batch.lengths, batch.labels, batch.ids)
    with torch.no_grad():
        predicted = model(batch.waveforms, batch.lengths).argmax(1)
    right = (predicted == batch.labels).nonzero()[:, 0].tolist()
    tensors: dict[str, torch.Tensor] = {}
    found: list[list[Curve]] = []
    for kind, points, reference, own in (
        ("dense", curves.dense_points, curves.dense_reference, members[0]),
        ("sparse", curves.sparse_points, curves.sparse_reference, members[1]),
    ):
        noise = _under_noise(model, batch, points, saved, seed)
        made = [Curve(0, None, under) for under in noise]
        if right and points:
            clips = _rows_of(batch, right)
            searches = {
                name: Search(model, clips, points, saved, seed, source, reference) for name, source in sources.items()
            }
            for search in searches.values():
                for member in own:
                    search.run(member)
            for place, row in enumerate(right):
                made[row], adversarial = _worst(searches, place, noise[row], dataset.labels)
                if adversarial is not None:
                    tensors[f"{kind}/{batch.ids[row]}"] = adversarial
        found.append(made)
    for place, clip in enumerate(batch.ids):
        joined = _joined(found[0][place], found[1][place], curves)
        if joined is not found[0][place]:
            found[0][place], tensors[f"dense/{clip}"] = joined, tensors[f"sparse/{clip}"]
    rows = []
    for place, clip in enumerate(batch.ids):
        about = dataset.utterances[clip]
        rows.append(
            Row(
                id=clip,
                label=about.label,
                predicted=dataset.labels[int(predicted[place])],
                speaker=about.speaker,
                gender=about.gender,
                language=about.language,
                dense=found[0][place],
                sparse=found[1][place],
            )
        )
    return rows, tensors


def _joined(dense: Curve, sparse: Curve, curves: Curves) -> Curve:
    """Return what fools a clip where every sample may change: few of them may, too, if they change as little.

    Args:
        dense: What attacks on every sample found.
        sparse: What attacks on few samples found.
        curves: The budgets.
    """
    within = [number for number, snr in enumerate(curves.dense) if snr <= curves.sparse_snr_db]
    first = within[0] if within else len(curves.dense)
    if sparse.attack is None or dense.smallest <= first or first == len(curves.dense):
        return dense
    fooled = {name: first for name, number in sparse.attackers.items() if number < len(curves.sparse)}
    attackers = {name: min(number, fooled.get(name, number)) for name, number in dense.attackers.items()}
    return replace(dense, smallest=first, attack=sparse.attack, decided=sparse.decided, attackers=attackers)


def _worst(
    searches: Mapping[str, Search], place: int, noise: tuple[bool, ...], labels: Sequence[str]
) -> tuple[Curve, torch.Tensor | None]:
    """Return what the worst attacker of a clip found, and the adversarial clip `[T]` if there is one."""
    worst = min(searches.values(), key=lambda search: search.smallest[place])
    number = worst.decided[place]
    curve = Curve(
        smallest=worst.smallest[place],
        attack=worst.attacks[place],
        noise=noise,
        decided=None if number is None else labels[number],
        attackers={name: one.smallest[place] for name, one in searches.items()} if len(searches) > 1 else {},
    )
    return curve, worst.adversarial[place]


def _under_noise(
    model: CheckedClassifier, batch: Batch, points: Sequence[Budget], saved: Saved, seed: int
) -> list[tuple[bool, ...]]:
    """Return, for each clip, whether it is right under random signs of the size of each budget."""
    right = []
    for point in points:
        with quietly(), torch.no_grad():
            epsilon, _ = point.resolve(batch.waveforms, batch.lengths)
            noisy = create_attack("noise", budget=point)(model, batch.waveforms, batch.labels, batch.lengths, seed=seed)
            noisy = saved.received(saved.perturbed(batch.waveforms, noisy, epsilon), batch.lengths)
            right.append((model(noisy, batch.lengths).argmax(1) == batch.labels).tolist())
    return list(zip(*right, strict=True)) if right else [()] * len(batch.ids)


def _rows_of(batch: Batch, rows: Sequence[int]) -> Batch:
    chosen = list(rows)
    return Batch(
        batch.waveforms[chosen], batch.lengths[chosen], batch.labels[chosen], tuple(batch.ids[row] for row in chosen)
    )


def _row(values: Mapping[str, Any]) -> Row:
    curve: Callable[[Mapping[str, Any]], Curve] = lambda one: Curve(  # noqa: E731
        one["smallest"], one["attack"], tuple(one["noise"]), one.get("decided"), one.get("attackers", {})
    )
    return Row(**{**values, "dense": curve(values["dense"]), "sparse": curve(values["sparse"])})
