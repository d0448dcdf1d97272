"""Train one generator against a frozen model and save its checkpoint."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from staanet.attacks.generator import GENERATORS, Generator, create_generator
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable
from staanet.core.settings import validated
from staanet.core.signature import signature
from staanet.data import Dataset
from staanet.models import load_model, loader_of
from staanet.models.loaders.base import weights_digest
from staanet.tasks.train import split_of_model
from staanet.training.checkpointed import train_and_save
from staanet.training.generator import generator_training, train_generator
from staanet.training.loop import History


def fit(
    generator: str,
    source: str | Path,
    dataset: Path,
    out: Path,
    *,
    source_settings: Mapping[str, Any] | None = None,
    trust: bool = False,
    sizes: Mapping[str, Any],
    training: Mapping[str, Any],
    seed: int,
    device: torch.device,
) -> History:
    """Train a generator against a trained source model and write its checkpoint.

    A source model that was trained on the same dataset lends its split; otherwise `seed` decides the split.

    Args:
        generator: Name of the generator (`staanet list generators`).
        source: Reference to the source model (`staanet.load_model`).
        dataset: Folder of the prepared dataset.
        out: Folder of the checkpoint.
        source_settings: Settings of the loader of the source model, such as its labels.
        trust: Whether code that comes with the source model may run.
        sizes: Sizes of the network that differ from the architecture's defaults.
        training: Changes to a training preset, which the key `preset` names.
        seed: Random seed.
        device: Device to train on.

    Raises:
        StaanetError: the dataset has another sampling rate than the source model, or a setting is wrong.
    """
    clips = Dataset(dataset)
    loader = loader_of(source, source_settings)
    model = load_model(source, trust=trust, **(source_settings or {}))
    if model.access != "gradient":
        raise StaanetError(
            f"{source}: expected a source model with gradients, by which a generator is trained, got one that gives "
            f"{model.access} only"
        )
    if model.sample_rate != clips.sample_rate:
        raise StaanetError(
            f"{dataset}: expected {source}'s {model.sample_rate} Hz, got {clips.sample_rate} Hz; "
            f"prepare one with --sample-rate {model.sample_rate}"
        )
    split = split_of_model(source, clips, seed)
    settings = generator_training(generator, training, generator)
    check_replaceable(out, checkpoints.CONFIG)
    made_from = {
        "generator": generator,
        "sizes": validated(GENERATORS[generator].Settings, sizes, generator),
        "training": settings,
        "source": {**loader.identity(str(source)), "weights": weights_digest(model)},
        "dataset": clips.digest,
        "split": split.digest(),
        "seed": seed,
    }

    def train(network: nn.Module, progress: Path) -> History:
        subsets = split.train, split.val
        return train_generator(cast(Generator, network), model, clips, *subsets, settings, progress, seed, device)

    return train_and_save(
        out,
        partial(create_generator, generator, **sizes),
        train,
        weights_seed=(seed, generator),
        made_from=made_from,
        progress=out.with_name(f"{out.name}-{signature(made_from)}.progress"),
    )
