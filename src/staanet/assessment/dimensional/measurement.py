"""The outputs of a model of emotional dimensions for each clip: clean, under noise and under attacks."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from staanet.assessment.dimensional.reach import Members, Reach
from staanet.assessment.duration import pass_seconds
from staanet.assessment.saving import Saved
from staanet.assessment.settings import Curves
from staanet.attacks.goals import BEYOND
from staanet.core import checksums
from staanet.core.classifier import CheckedClassifier, as_classifier
from staanet.core.files import read_json, write_json
from staanet.core.progress import track
from staanet.core.unwrapping import frozen
from staanet.data import Batch, Dataset
from staanet.models import Model

BATCH = 8
"""Clips that are attacked at once."""

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


@dataclass(frozen=True)
class Measurement:
    """The measurement of a model of dimensions on clips.

    Args:
        model: The model.
        dataset: Dataset of the clips.
        curves: The budgets.
        members: The attacks.
        saved: How clips are saved; only what is saved counts.
        distance: The move that counts, as a share of the scale.
        seed: Random seed.
        device: Device to compute on.
    """

    model: Model
    dataset: Dataset
    curves: Curves
    members: Members
    saved: Saved
    distance: float
    seed: int
    device: torch.device

    def seconds(self, clips: Sequence[str]) -> float:
        """Return about how many seconds clips take, from passes of a few of them, without attacks of last resort."""
        answer, step = pass_seconds(self.model, self.dataset, clips, self.device)
        total = answer * (1.0 + len(self.curves.dense) + len(self.curves.sparse))
        for members, points in ((self.members.dense, self.curves.dense), (self.members.sparse, self.curves.sparse)):
            for member in members:
                if not member.last_resort:
                    steps, queries = (float(member.settings.get(name, 0)) for name in ("steps", "queries"))
                    runs = len(BEYOND) * len(self.model.dimensions) * (1 if member.minimal else len(points))
                    total += runs * (steps * step + queries * answer)
        return total * len(clips)

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
            rows += [self._as_known(DimensionalRow(**row)) for row in read_json(part)]
        return rows

    def _as_known(self, row: DimensionalRow) -> DimensionalRow:
        """Return the outputs for a clip with the speaker and the ratings that the dataset has now."""
        ratings = self.dataset.ratings([row.id], self.model.dimensions)[0].tolist()
        known = dict(zip(self.model.dimensions, ratings, strict=True))
        return replace(row, speaker=self.dataset.utterances[row.id].speaker, ratings=known)

    def _measured(self, model: CheckedClassifier, batch: Batch) -> list[DimensionalRow]:
        clips = Batch(self.saved.clean(batch.waveforms), batch.lengths, torch.zeros_like(batch.labels), batch.ids)
        names, reach = self.model.dimensions, Reach(model, clips, self.curves, self.saved, self.seed, self.distance)
        noise, members = reach.under_noise(), self.members
        up, down = (reach.moved(members, way) for way in BEYOND)
        ratings = self.dataset.ratings(batch.ids, names)
        return [
            DimensionalRow(
                id=clip,
                speaker=self.dataset.utterances[clip].speaker,
                ratings=dict(zip(names, ratings[row].tolist(), strict=True)),
                clean=dict(zip(names, reach.clean[row].tolist(), strict=True)),
                noise=_by_name(names, noise[:, row]),
                up=_by_name(names, up[:, row]),
                down=_by_name(names, down[:, row]),
            )
            for row, clip in enumerate(batch.ids)
        ]


def _by_name(names: Sequence[str], outputs: Tensor) -> dict[str, list[float]]:
    """Return outputs `[points, D]` by dimension."""
    return {name: outputs[:, column].tolist() for column, name in enumerate(names)}
