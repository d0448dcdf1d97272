"""Train one model on a prepared dataset and save its checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable, discard
from staanet.core.seeds import seeded
from staanet.core.signature import signature
from staanet.data import Split, Store, by_parts, by_speaker
from staanet.data.splits import OWN
from staanet.models import VICTIMS, Victim, settings_of
from staanet.training.classifier import train_victim, victim_training
from staanet.training.loop import History


def train(
    model: str,
    store: Path,
    out: Path,
    *,
    seconds: float | None,
    training: Mapping[str, Any],
    seed: int,
    device: torch.device,
    checkpoint: str | None = None,
) -> History:
    """Train a victim on a prepared store, speakers held out, and write its checkpoint to `out`.

    Args:
        model: its name.
        store: where the clips are.
        out: where it goes.
        seconds: its trained length; the model's own where left out.
        training: changes to a preset.
        seed: of everything random.
        device: to train on.
        checkpoint: what a model from Hugging Face starts from, a folder or a hub id; the model's own where left out.
    """
    clips = Store(store)
    split = dealt(clips, seed)
    settings = victim_training(model, training, model)
    given = {"sample_rate": clips.sample_rate, "seconds": seconds, "checkpoint": checkpoint}
    asked = settings_of(model, clips.labels, **{key: value for key, value in given.items() if value is not None})
    check_replaceable(out, checkpoints.CONFIG)
    with seeded(seed, "weights", model):
        victim: Victim = VICTIMS[model](asked)
    made_from = {"model": model, "settings": victim.settings, "training": settings, **victim.origin(asked)}
    made_from |= {"store": clips.digest, "split": split.digest(), "seed": seed}
    progress = out.with_name(f"{out.name}-{signature(made_from)}.progress")
    history = train_victim(victim, clips, split.train, split.val, settings, progress, seed, device)
    checkpoints.save(victim, out, made_from=made_from, split=split, history=history)
    discard(progress)
    return history


def dealt(store: Store, seed: int) -> Split:
    """Return the split of a store: the corpus' own parts where its sessions are these, else by speaker.

    Raises:
        StaanetError: the clips cannot be dealt so.
    """
    utterances = list(store.utterances.values())
    try:
        if {utterance.session for utterance in utterances} == set(OWN):
            return by_parts(utterances)
        return by_speaker(utterances, seed=seed)
    except StaanetError as error:
        raise StaanetError(f"{store.folder}: {error}") from error
