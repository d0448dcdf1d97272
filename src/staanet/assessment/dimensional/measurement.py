"""The outputs of a model of emotional dimensions for each clip: clean, under noise and under attacks."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from staanet.assessment.saving import Saved
from staanet.assessment.search import quietly
from staanet.assessment.settings import ONLY_QUERIES, Effort, Member
from staanet.attacks import create_attack
from staanet.attacks.goals import Reached
from staanet.core import checksums
from staanet.core.budget import Budget
from staanet.core.classifier import CheckedClassifier, as_classifier
from staanet.core.files import read_json, write_json
from staanet.core.progress import track
from staanet.core.unwrapping import frozen
from staanet.data import Batch, Dataset
from staanet.models import Model

BATCH = 8
"""Clips that are attacked at once."""

BEYOND: Mapping[Literal["up", "down"], float] = {"up": 2.0, "down": -1.0}
"""Thresholds that no output on the scale reaches, so that an attack moves it as far as it can."""

Outputs = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class DimensionalRow:
    """The outputs for one clip, as shares of the scale, by dimension.

    Args:
        id: Id of the clip.
        speaker: Its speaker.
        ratings: The rating of each dimension.
        clean: The output of each dimension for the clean clip.
        noise: The outputs under noise of the size of each budget.
        up: The highest output that attacks reached within each budget.
        down: The lowest one.
    """

    id: str
    speaker: str
    ratings: Mapping[str, float]
    clean: Mapping[str, float]
    noise: Outputs
    up: Outputs
    down: Outputs


def members_of(effort: Effort, model: Model) -> tuple[Member, Member]:
    """Return the attack on every sample and the one on few samples, with gradients if the model has them.

    Attacks that look for the smallest perturbation do not say how far an output can move, and are left out.
    """
    if model.access == "gradient":
        dense, sparse = ([one for one in own if not one.minimal] for own in (effort.dense, effort.sparse))
        return dense[0], sparse[0]
    return (
        Member("fakebob", {"queries": effort.dense_queries or ONLY_QUERIES}),
        Member("sparse_rs", {"queries": effort.sparse_queries or ONLY_QUERIES}),
    )


@dataclass(frozen=True)
class Measurement:
    """The measurement of a model of dimensions on clips.

    Args:
        model: The model.
        dataset: Dataset of the clips.
        points: Budgets, first those on every sample and then those on few, each from the smallest to the largest.
        effort: The attacks with their steps.
        saved: How clips are saved; only what is saved counts.
        seed: Random seed.
        device: Device to compute on.
    """

    model: Model
    dataset: Dataset
    points: Sequence[Budget]
    effort: Effort
    saved: Saved
    seed: int
    device: torch.device

    def of(self, clips: Sequence[str], parts: Path) -> list[DimensionalRow]:
        """Return the outputs for clips; batches that are complete in the folder `parts` are read instead."""
        rows: list[DimensionalRow] = []
        classifier = as_classifier(self.model)
        for number, ids in enumerate(track(self.dataset.batches(clips, BATCH), "evaluate")):
            part = parts / f"{number:05d}.json"
            if not checksums.intact(parts, [part.name]):
                with frozen(classifier):
                    made = self._measured(classifier, self.dataset.batch(ids).to(self.device))
                write_json(part, [asdict(row) for row in made])
                checksums.add(parts, [part])
            rows += [DimensionalRow(**row) for row in read_json(part)]
        return rows

    def _measured(self, model: CheckedClassifier, batch: Batch) -> list[DimensionalRow]:
        clips = Batch(self.saved.clean(batch.waveforms), batch.lengths, torch.zeros_like(batch.labels), batch.ids)
        names = self.model.dimensions
        clean = self._outputs(model, clips.waveforms, clips)
        noise = torch.stack([self._attacked(model, model, clips, Member("noise", {}), point) for point in self.points])
        moved = {way: self._moved(model, clips, clean, way) for way in BEYOND}
        ratings = self.dataset.ratings(batch.ids, names)
        return [
            DimensionalRow(
                id=clip,
                speaker=self.dataset.utterances[clip].speaker,
                ratings=dict(zip(names, ratings[row].tolist(), strict=True)),
                clean=dict(zip(names, clean[row].tolist(), strict=True)),
                noise=_by_name(names, noise[:, row]),
                up=_by_name(names, moved["up"][:, row]),
                down=_by_name(names, moved["down"][:, row]),
            )
            for row, clip in enumerate(batch.ids)
        ]

    def _moved(self, model: CheckedClassifier, clips: Batch, clean: Tensor, way: Literal["up", "down"]) -> Tensor:
        """Return the outputs `[points, B, D]`, each moved up or down as far as its attack gets within each budget."""
        columns = []
        for output in range(clean.shape[1]):
            source = Reached(model, output, BEYOND[way], way)
            found: list[Tensor] = []
            for place, point in enumerate(self.points):
                first = place == 0 or (point.sparsity < 1) != (self.points[place - 1].sparsity < 1)
                before = clean[:, output] if first else found[-1]
                member = members_of(self.effort, self.model)[int(point.sparsity < 1)]
                reached = self._attacked(model, source, clips, member, point)[:, output]
                found.append(torch.maximum(before, reached) if way == "up" else torch.minimum(before, reached))
            columns.append(torch.stack(found))  # [points, B]
        return torch.stack(columns, 2)

    def _attacked(self, model: CheckedClassifier, source: Any, clips: Batch, member: Member, point: Budget) -> Tensor:
        """Return the outputs `[B, D]` for clips that an attack changed and that were saved."""
        with quietly():
            epsilon, _ = point.resolve(clips.waveforms, clips.lengths)
            attack = create_attack(member.attack, **member.settings, budget=point)
            adversarial = attack(source, clips.waveforms, clips.labels, clips.lengths, seed=self.seed)
        adversarial = self.saved.perturbed(clips.waveforms, adversarial, epsilon)
        return self._outputs(model, self.saved.received(adversarial, clips.lengths), clips)

    def _outputs(self, model: CheckedClassifier, waveforms: Tensor, clips: Batch) -> Tensor:
        with torch.no_grad():
            return model(waveforms, clips.lengths).cpu()


def _by_name(names: Sequence[str], outputs: Tensor) -> dict[str, list[float]]:
    """Return outputs `[points, D]` by dimension."""
    return {name: outputs[:, column].tolist() for column, name in enumerate(names)}
