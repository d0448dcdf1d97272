"""The clips of an evaluation: a prepared dataset, or a corpus that is prepared for the model."""

import logging
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from staanet.core import checkpoints
from staanet.core.checksums import intact
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, remove
from staanet.core.processes import locked
from staanet.core.settings import validated
from staanet.core.signature import signature
from staanet.corpora import CORPORA
from staanet.corpora.ratings import UNSPECIFIED
from staanet.data import Dataset, prepare
from staanet.models import Model
from staanet.models.loaders.released import folder_of
from staanet.models.wrappers import LabelView

logger = logging.getLogger(__name__)


def dataset_of(data: Path, corpus: str | None, settings: Mapping[str, Any], out: Path, model: Model) -> Dataset:
    """Return the dataset that DATA names, prepared at the sampling rate of the model if it is a corpus.

    Args:
        data: A prepared dataset, or the root folder of a corpus.
        corpus: Name of the corpus; `folder` by default.
        settings: Settings of the corpus.
        out: Folder of the evaluation, in which a corpus is prepared.
        model: The model.

    Raises:
        StaanetError: If there is nothing to evaluate, or the dataset has another sampling rate than the model.
    """
    if (data / "dataset.json").is_file():
        if corpus is not None or settings:
            raise StaanetError(f"{data}: expected no corpus for a prepared dataset, got one; remove --corpus and --set")
        dataset = Dataset(data)
        if dataset.sample_rate != model.sample_rate:
            raise StaanetError(
                f"{data}: expected clips at the model's {model.sample_rate} Hz, got {dataset.sample_rate} Hz; give "
                "the folder of the corpus instead, or prepare it at that rate"
            )
        return dataset
    if not data.is_dir():
        raise StaanetError(f"{data}: expected a folder of audio or a prepared dataset, found none")
    made: Any = validated(CORPORA[corpus or "folder"], dict(settings), corpus or "folder")
    if made.on_disk and out.resolve().is_relative_to(data.resolve()):
        raise StaanetError(
            f"{out}: expected results outside of {data}, whose clips they would become; choose another --out"
        )
    name = signature([made.name, settings, made.fingerprint(data), model.sample_rate])
    folder = out / "datasets" / f"{made.name}-{name}"
    with locked(out):
        if (folder / "dataset.json").is_file() and intact(folder):
            return Dataset(folder)
        remove(folder)
        return prepare(made, data, folder, model.sample_rate, to_train=False)


def restricted(dataset: Dataset, model: Model) -> Dataset:
    """Return the clips of the emotions that the model knows.

    Raises:
        StaanetError: If the model and the dataset share fewer than two emotions.
    """
    if dataset.labels == (UNSPECIFIED,):
        raise StaanetError(
            f"expected clips with emotions for a model of {', '.join(model.labels)}, got ratings of "
            f"{', '.join(dataset.dimensions)} only; give a model with these dimensions (--model-set dimensions=...)"
        )
    shared = [label for label in model.labels if label in dataset.labels]
    if len(shared) < 2:
        raise StaanetError(
            f"expected a model that knows two or more emotions of the clips ({', '.join(dataset.labels)}), got one of "
            f"{', '.join(model.labels)}; rename its labels, such as --model-set labels.ang=anger"
        )
    return dataset.only(shared)


def labelled(model: Model, dataset: Dataset) -> Model:
    """Return a model that decides between the emotions of the clips, in their order."""
    return model if model.labels == dataset.labels else LabelView(model, dataset.labels)


def provenance_of(reference: str | Path) -> Mapping[str, Any]:
    """Return what a checkpoint says of how it was made; nothing if the reference is none.

    Args:
        reference: Reference to a model.
    """
    path = folder_of(reference) / checkpoints.CONFIG
    about = read_json(path) if path.is_file() else {}
    return about if isinstance(about, Mapping) else {}


def unseen(dataset: Dataset, reference: str | Path, *others: str | Path) -> Dataset:
    """Return the clips on which a model was neither trained nor selected, as far as its checkpoint says.

    A checkpoint of this library contains the dataset that it was trained on and its split. Of this dataset only the
    test clips remain; nothing is known of other clips and models.

    Args:
        dataset: The dataset.
        reference: Reference to the model.
        others: Checkpoints of networks in front of it, such as that of a purifier.

    Raises:
        StaanetError: If no clip is left.
    """
    left = dataset
    for one in (reference, *others):
        about = provenance_of(one)
        if "split" not in about or about.get("made_from", {}).get("dataset") != dataset.digest:
            continue
        test = set(about["split"]["test"])
        seen = [clip for clip in left.utterances if clip not in test]
        if seen:
            logger.info("%s was trained on %d of these clips, which are left out", Path(one).name, len(seen))
        left = left.without(seen)
    if others and not left.utterances:
        names = " and ".join(Path(one).name for one in (reference, *others))
        raise StaanetError(
            f"expected clips on which neither {names} was trained, got none; fit the purifier with --model, so that "
            "both have the same split"
        )
    return left


def chosen(dataset: Dataset, count: int | None) -> list[str]:
    """Return the ids of some clips, drawn at random with equal shares of the emotions as far as there are clips.

    The draw is always the same, so that evaluations of other models and with other seeds can be compared clip by clip.
    A smaller draw is part of a larger one.

    Args:
        dataset: The dataset.
        count: Number of clips; None for all.
    """
    if count is None or count >= len(dataset.utterances):
        return sorted(dataset.utterances)
    by_label: dict[str, list[str]] = defaultdict(list)
    for clip in sorted(dataset.utterances):
        by_label[dataset.utterances[clip].label].append(clip)
    draw = random.Random(0)
    for clips in by_label.values():
        draw.shuffle(clips)
    return sorted(_in_turn([by_label[label] for label in dataset.labels if label in by_label])[:count])


def _in_turn(lists: Sequence[list[str]]) -> list[str]:
    """Return the entries of lists in turn, one of each list, until all are used."""
    longest = max(map(len, lists))
    return [entries[place] for place in range(longest) for entries in lists if place < len(entries)]
