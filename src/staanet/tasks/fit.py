"""Train one generator against a frozen model and save its checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from staanet.attacks.generator import create_generator
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable, read_json, remove
from staanet.core.seeds import seeded
from staanet.core.settings import from_preset, validated
from staanet.core.signature import signature
from staanet.data import Dataset, Split
from staanet.models import load_model
from staanet.tasks.train import split_of
from staanet.training.generator import GENERATOR_PRESETS, GeneratorTraining, train_generator
from staanet.training.loop import History


def fit(
    generator: str,
    source: Path,
    dataset: Path,
    out: Path,
    *,
    sizes: Mapping[str, Any],
    training: Mapping[str, Any],
    seed: int,
    device: torch.device,
) -> History:
    """Train a generator against a trained model, on the model's own training clips where the dataset is its own.

    On another dataset the speakers are dealt by `seed`.
    """
    clips = Dataset(dataset)
    model = load_model(source)
    about = read_json(source / checkpoints.CONFIG)
    if about.get("made_from", {}).get("dataset") == clips.digest:
        split = validated(Split, about["split"], str(source))
    else:
        split = split_of(clips, seed)
    if model.sample_rate != clips.sample_rate:
        raise StaanetError(
            f"{dataset}: expected a dataset at {source}'s {model.sample_rate} Hz, got {clips.sample_rate} Hz; "
            f"prepare one with --sample-rate {model.sample_rate}"
        )
    settings = from_preset(GeneratorTraining, GENERATOR_PRESETS, training, generator)
    check_replaceable(out, checkpoints.CONFIG)
    with seeded(seed, "weights", generator):
        network = create_generator(generator, **sizes)
    made_from = {"generator": generator, "sizes": network.settings, "training": settings}
    made_from |= {"source": checkpoints.digest(source), "dataset": clips.digest, "split": split.digest(), "seed": seed}
    progress = out.with_name(f"{out.name}-{signature(made_from)}.progress")
    history = train_generator(network, model, clips, split.train, split.val, settings, progress, seed, device)
    checkpoints.save(network, out, made_from=made_from, history=history)
    remove(progress)
    return history
