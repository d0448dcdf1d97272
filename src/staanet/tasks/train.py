"""Train one model on a prepared dataset and save its checkpoint."""

from collections.abc import Mapping
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
    """
    clips = Dataset(dataset)
    split = split_of(clips, seed)
    resolved = model_training(architecture, training, architecture)
    given = {"sample_rate": clips.sample_rate, "seconds": seconds, "checkpoint": checkpoint}
    settings = settings_of(
        architecture, clips.labels, **{key: value for key, value in given.items() if value is not None}
    )
    check_replaceable(out, checkpoints.CONFIG)
    made_from = {
        "model": architecture,
        "seconds": settings.seconds,
        "labels": settings.labels,
        "training": resolved,
        **MODELS[architecture].identity(settings),
        "dataset": clips.digest,
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


def split_of_model(reference: str | Path, dataset: Dataset, seed: int) -> Split:
    """Return the split on which a model was trained, or one by the seed if it was trained on another dataset."""
    path = Path(reference) / checkpoints.CONFIG
    config = read_json(path) if path.is_file() else {}
    if config.get("made_from", {}).get("dataset") == dataset.digest:
        return validated(Split, config["split"], str(reference))
    return split_of(dataset, seed)
