"""Train one model on a prepared dataset and save its checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable, remove
from staanet.core.seeds import seeded
from staanet.core.signature import signature
from staanet.data import Dataset, Split, by_speaker, by_subsets
from staanet.data.splits import OFFICIAL_SUBSETS
from staanet.models import MODELS, Model, settings_of
from staanet.training.classifier import model_training, train_model
from staanet.training.loop import History


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
    """Train a model on a prepared dataset, speakers held out, and write its checkpoint to `out`.

    Args:
        architecture: its name.
        dataset: where the clips are.
        out: where it goes.
        seconds: its trained length; the model's own where left out.
        training: changes to a preset.
        seed: of everything random.
        device: to train on.
        checkpoint: what a model from Hugging Face starts from, a folder or a hub id; the model's own where left out.
    """
    clips = Dataset(dataset)
    split = split_of(clips, seed)
    settings = model_training(architecture, training, architecture)
    given = {"sample_rate": clips.sample_rate, "seconds": seconds, "checkpoint": checkpoint}
    asked = settings_of(architecture, clips.labels, **{key: value for key, value in given.items() if value is not None})
    check_replaceable(out, checkpoints.CONFIG)
    with seeded(seed, "weights", architecture):
        model: Model = MODELS[architecture](asked)
    made_from = {"model": architecture, "settings": model.settings, "training": settings, **model.identity(asked)}
    made_from |= {"dataset": clips.digest, "split": split.digest(), "seed": seed}
    progress = out.with_name(f"{out.name}-{signature(made_from)}.progress")
    history = train_model(model, clips, split.train, split.val, settings, progress, seed, device)
    checkpoints.save(model, out, made_from=made_from, split=split, history=history)
    remove(progress)
    return history


def split_of(dataset: Dataset, seed: int) -> Split:
    """Return the split of a dataset: the corpus' own subsets where its sessions are these, else by speaker.

    Raises:
        StaanetError: the clips cannot be dealt so.
    """
    utterances = list(dataset.utterances.values())
    try:
        if {utterance.session for utterance in utterances} == set(OFFICIAL_SUBSETS):
            return by_subsets(utterances)
        return by_speaker(utterances, seed=seed)
    except StaanetError as error:
        raise StaanetError(f"{dataset.folder}: {error}") from error
