"""Train one model on a prepared dataset and save its checkpoint."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable, read_json
from staanet.core.settings import validated
from staanet.core.signature import signature
from staanet.data import Dataset, Split, by_speaker, by_subsets
from staanet.data.splits import OFFICIAL_SUBSETS
from staanet.models import MODELS, Model, settings_of
from staanet.training.checkpointed import train_and_save
from staanet.training.classifier import train_model
from staanet.training.loop import History
from staanet.training.settings import ModelTraining, model_training


def train(
    architecture: str,
    dataset: Path,
    out: Path,
    *,
    seconds: float | None,
    training: Mapping[str, Any],
    seed: int,
    device: torch.device,
    checkpoint: str | None = None,
    model_settings: Mapping[str, Any] | None = None,
) -> History:
    """Train a model on a prepared dataset, with test speakers held out, and write its checkpoint.

    Args:
        architecture: Name of the model (`staanet list models`).
        dataset: Folder of the prepared dataset.
        out: Folder of the checkpoint.
        seconds: Length to which clips are repeated or cut; the architecture's own default.
        training: Changes to a training preset, which the key `preset` names.
        seed: Random seed.
        device: Device to train on.
        checkpoint: Folder or hub id from which a model of Hugging Face starts; the architecture's own default.
        model_settings: Further settings of the model that differ from the architecture's defaults, such as
            `frozen=False` of `whisper`, or `dimensions`, the ratings that it learns instead of the emotions.

    Raises:
        StaanetError: If the clips cannot be split, or a setting is unknown, wrong, or decided by the dataset.
    """
    clips = Dataset(dataset)
    split = split_of(clips, seed)
    resolved = model_training(architecture, training, architecture)
    given = {"sample_rate": clips.sample_rate, "seconds": seconds, "checkpoint": checkpoint}
    own = dict(model_settings or {})
    if twice := sorted(own.keys() & {"labels", *given}):
        raise StaanetError(
            f"expected settings of {architecture} besides its labels, rate, length and checkpoint, which the dataset "
            f"and other options decide, got {twice[0]} as a setting; leave it out"
        )
    labels = () if own.get("dimensions") else _emotions(clips)
    settings = settings_of(
        architecture, labels, **{key: value for key, value in given.items() if value is not None}, **own
    )
    check_replaceable(out, checkpoints.CONFIG)
    made_from = {
        "model": architecture,
        "seconds": settings.seconds,
        "labels": settings.labels,
        "training": resolved,
        **MODELS[architecture].identity(settings),
        **({"settings": own} if own else {}),
        "dataset": clips.digest,
        **_ratings(clips, settings.dimensions),
        "split": split.digest(),
        "seed": seed,
    }
    return train_and_save(
        out,
        partial(MODELS[architecture], settings),
        lambda network, progress: _train(network, clips, split, resolved, progress, seed, device),
        weights_seed=(seed, architecture),
        made_from=made_from,
        progress=out.with_name(f"{out.name}-{signature(made_from)}.progress"),
        split=split,
    )


def _ratings(dataset: Dataset, dimensions: Sequence[str]) -> dict[str, str]:
    """Return a hash of the ratings that a model of dimensions learns, which the digest of a dataset does not cover."""
    if not dimensions:
        return {}
    names = sorted(dataset.utterances)
    return {"ratings": signature([names, dataset.ratings(names, dimensions).tolist()])}


def _emotions(dataset: Dataset) -> tuple[str, ...]:
    """Return the emotions of a dataset, which may have ratings instead."""
    if dataset.dimensions and len(dataset.labels) < 2:
        raise StaanetError(
            f"{dataset.folder}: expected emotions, got ratings of {', '.join(dataset.dimensions)}; name those that the "
            f"model should learn (--model-set 'dimensions=[\"{dataset.dimensions[0]}\"]')"
        )
    return dataset.labels


def _train(
    network: nn.Module,
    dataset: Dataset,
    split: Split,
    training: ModelTraining,
    progress: Path,
    seed: int,
    device: torch.device,
) -> History:
    return train_model(cast(Model, network), dataset, split.train, split.val, training, progress, seed, device)


def split_of(dataset: Dataset, seed: int) -> Split:
    """Return the split of a dataset: its official subsets if it has them as sessions, else a split by speaker.

    Raises:
        StaanetError: the clips cannot be split in this way.
    """
    utterances = list(dataset.utterances.values())
    try:
        if {utterance.session for utterance in utterances} == set(OFFICIAL_SUBSETS):
            return by_subsets(utterances)
        return by_speaker(utterances, seed=seed)
    except StaanetError as error:
        raise StaanetError(f"{dataset.folder}: {error}") from error


def lent_split(reference: str | Path, dataset: Dataset) -> Split | None:
    """Return the split on which a model was trained, None if it was trained on another dataset."""
    path = Path(reference) / checkpoints.CONFIG
    config = read_json(path) if path.is_file() else {}
    if config.get("made_from", {}).get("dataset") == dataset.digest:
        return validated(Split, config["split"], str(reference))
    return None


def split_of_model(reference: str | Path, dataset: Dataset, seed: int) -> Split:
    """Return the split on which a model was trained, or one by the seed if it was trained on another dataset."""
    return lent_split(reference, dataset) or split_of(dataset, seed)
