"""Evaluate a model of emotional dimensions: curves of its CCC and of the share of moved outputs over budgets."""

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from staanet.assessment.clips import dataset_of, unseen
from staanet.assessment.dimensional import wording
from staanet.assessment.dimensional.figures import DimensionalEvaluation as DimensionalEvaluation
from staanet.assessment.dimensional.figures import figures
from staanet.assessment.dimensional.measurement import DimensionalRow, Measurement
from staanet.assessment.dimensional.reach import members_of
from staanet.assessment.saving import FLOATS, Saved, format_of
from staanet.assessment.search import check_steps
from staanet.assessment.settings import ENSEMBLE, PRESETS, Curves
from staanet.attacks.goals import DISTANCE
from staanet.core.errors import StaanetError
from staanet.core.files import check_writable, write_json, write_text
from staanet.core.processes import locked
from staanet.core.provenance import commit, device_name, versions
from staanet.core.signature import signature, to_jsonable
from staanet.data import Dataset
from staanet.metrics.dimensions import check_ratings
from staanet.models import Model
from staanet.models.loaders.base import Loader, weights_digest

logger = logging.getLogger(__name__)

FILE, CLIPS = "dimensions.json", "dimensions-clips.json"
"""Files of the figures and of the outputs for the clips."""

SPARSE = (0.001, 0.01, 0.12)
"""Shares of the samples that may change, for the budgets on few samples."""


@dataclass(frozen=True)
class DimensionalSettings:
    """What decides the figures of an evaluation, apart from model and clips.

    Args:
        preset: Effort of the attacks: `quick`, `standard` or `thorough`.
        clips: Number of clips; None for that of the preset.
        curves: The budgets.
        distance: The move that counts, as a share of the scale, above 0 and at most 1; 0.1 by default.
        floats: Whether clips are saved as 32-bit floats instead of in the format of the recordings.
        seed: Seed of the attacks.

    Raises:
        StaanetError: If the distance is out of range.
    """

    preset: str
    clips: int | None
    curves: Curves
    distance: float = DISTANCE
    floats: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Validate the distance."""
        if not 0 < self.distance <= 1:
            raise StaanetError(f"expected a distance above 0 and up to 1, a share of the scale, got {self.distance}")

    @classmethod
    def of(
        cls, preset: str, clips: int | None, curves: Curves, distance: float | None, floats: bool, seed: int
    ) -> "DimensionalSettings":
        """Return settings with the budgets on few samples and the distance of an evaluation of dimensions."""
        far = DISTANCE if distance is None else distance
        return cls(preset, clips, replace(curves, sparse=SPARSE), far, floats, seed)

    @property
    def budgets(self) -> list[tuple[float, float]]:
        """Peak SNR in dB and sparsity of every budget."""
        few = [(self.curves.sparse_snr_db, share) for share in self.curves.sparse]
        return [*((snr, 1.0) for snr in self.curves.dense), *few]


def check_without(**given: Any) -> None:
    """Check that no setting is given that needs a model of emotions.

    Raises:
        StaanetError: If one is.
    """
    if needing := [name for name, value in given.items() if value]:
        raise StaanetError(
            f"expected no {needing[0]} for a model of emotional dimensions, because it is about right decisions of a "
            "model of emotions; leave it out"
        )


@dataclass(frozen=True)
class DimensionalPlan:
    """An evaluation of a model of dimensions before any attack.

    Args:
        title: Name of the model.
        clips: Ids of the clips.
        settings: Budgets, effort and distance.
        measurement: What measures the clips.
        why_saved: Why they are saved as they are, in words.
        about: Identity, settings and hashes.
    """

    title: str
    clips: Sequence[str]
    settings: DimensionalSettings
    measurement: Measurement
    why_saved: str
    about: Mapping[str, Any]

    @cached_property
    def seconds(self) -> float:
        """About how many seconds it takes, measured on a few clips."""
        return self.measurement.seconds(self.clips)


def plan_dimensions(
    model: Model,
    loader: Loader,
    reference: str,
    data: Path,
    out: Path,
    settings: DimensionalSettings,
    corpus: str | None,
    corpus_settings: Mapping[str, Any],
    device: torch.device,
) -> DimensionalPlan:
    """Return the plan of an evaluation of a model of emotional dimensions on clips.

    Args:
        model: The model, on the device.
        loader: Its loader.
        reference: Reference to the model.
        data: A prepared dataset, or the root folder of a corpus.
        out: Folder for the results.
        settings: Budgets, effort and distance.
        corpus: Name of the corpus; `folder` by default.
        corpus_settings: Settings of the corpus, such as its dimensions and their scale.
        device: Device to compute on.

    Raises:
        StaanetError: If the clips have no ratings of the dimensions, or a CCC is undefined for them.
    """
    check_writable(out)
    dataset = unseen(dataset_of(data, corpus, corpus_settings, out, model), reference)
    effort = PRESETS[settings.preset]
    clips = _chosen(dataset, effort.clips if settings.clips is None else settings.clips)
    ratings = dataset.ratings(clips, model.dimensions).numpy().astype(np.float64)
    for column, name in enumerate(model.dimensions):
        check_ratings(ratings[:, column], f"{dataset.corpus}, {name}")
    kept, why = (FLOATS, "as asked") if settings.floats else format_of(dataset)
    saved = Saved(kept, dataset.sample_rate)
    check_steps(dataset, clips, settings.curves, saved)
    members = members_of(effort, model)
    about = {
        "identity": {
            "model": loader.title(reference),
            **loader.identity(reference),
            "weights": weights_digest(model),
        },
        "settings": {**asdict(settings), "ensemble": ENSEMBLE, "loader": to_jsonable(loader.deciding)},
        "corpus": dataset.corpus,
        "data": dataset.digest,
        "saved": saved.words,
        "attacks": members.names,
        "left_out": dict(members.left_out),
    }
    measurement = Measurement(model, dataset, settings.curves, members, saved, settings.distance, settings.seed, device)
    return DimensionalPlan(loader.title(reference), clips, settings, measurement, why, about)


def carried_out(plan: DimensionalPlan, out: Path) -> DimensionalEvaluation:
    """Measure how robust a model of emotional dimensions is, and write its figures and a page to a folder."""
    decide = [plan.about["identity"], plan.about["settings"], plan.about["data"], list(plan.clips)]
    parts = out / "parts" / signature(decide)
    with locked(out):
        if not parts.is_dir():
            for line in wording.plan(plan):
                logger.info("%s", line)
            parts.mkdir(parents=True)
        return _written(plan, plan.measurement.of(plan.clips, parts), out)


def _written(plan: DimensionalPlan, rows: Sequence[DimensionalRow], out: Path) -> DimensionalEvaluation:
    """Compute the figures and write all files."""
    settings, measurement = plan.settings, plan.measurement
    tree, clean = commit()
    facts = {"versions": versions(), "commit": tree, "tree_clean": clean, "device": device_name(measurement.device)}
    dimensions, curve = figures(rows, measurement.model.dimensions, settings.budgets, settings.distance)
    found = DimensionalEvaluation(
        model=plan.title,
        n=len(rows),
        distance=settings.distance,
        reference=f"{settings.curves.reference_db:g} dB",
        dimensions=dimensions,
        curve=curve,
        about={**plan.about, **facts},
    )
    write_json(out / CLIPS, [asdict(row) for row in rows])
    write_json(out / FILE, found.as_json())
    write_text(out / "summary.md", wording.markdown(found))
    write_text(out / "report" / "index.html", wording.page(found))
    return found


def _chosen(dataset: Dataset, count: int | None) -> list[str]:
    """Return the ids of some clips, drawn at random; a smaller draw is part of a larger one."""
    clips = sorted(dataset.utterances)
    if count is None or count >= len(clips):
        return clips
    random.Random(0).shuffle(clips)
    return sorted(clips[:count])
