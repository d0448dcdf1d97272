"""Train one generator against a frozen model and save its checkpoint."""

from collections.abc import Mapping, Sequence
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
from staanet.data import Dataset, Split
from staanet.models import MeanLogits, Model, identity_of, load_deciding
from staanet.tasks.train import lent_split, split_of
from staanet.training.checkpointed import train_and_save
from staanet.training.generator import generator_training, train_generator
from staanet.training.loop import History


def fit(
    generator: str,
    source: str | Path | Sequence[str | Path],
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
    """Train a generator against a trained source model, or the mean logits of several, and write its checkpoint.

    A source model that was trained on the same dataset lends its split; otherwise `seed` decides the split.

    Args:
        generator: Name of the generator (`staanet list generators`).
        source: Reference to the source model (`staanet.load_model`), or references to several with the same labels and
            sampling rate.
        dataset: Folder of the prepared dataset.
        out: Folder of the checkpoint.
        source_settings: Settings of the loader of the source models, such as their labels.
        trust: Whether code that comes with the source model may run.
        sizes: Sizes of the network that differ from the architecture's defaults.
        training: Changes to a training preset, which the key `preset` names.
        seed: Random seed.
        device: Device to train on.

    Raises:
        StaanetError: the dataset has another sampling rate than the source model, the source models differ in labels,
            sampling rate or split, or a setting is wrong.
    """
    clips = Dataset(dataset)
    references = [source] if isinstance(source, str | Path) else list(source)
    models = [_source(reference, clips, source_settings, trust) for reference in references]
    model = models[0] if len(models) == 1 else MeanLogits(models)
    split = _shared_split(references, clips, seed)
    settings = generator_training(generator, training, generator)
    check_replaceable(out, checkpoints.CONFIG)
    identities = [
        identity_of(reference, source_settings, one) for reference, one in zip(references, models, strict=True)
    ]
    made_from = {
        "generator": generator,
        "sizes": validated(GENERATORS[generator].Settings, sizes, generator),
        "training": settings,
        "source": identities[0] if len(identities) == 1 else identities,
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


def _source(reference: str | Path, clips: Dataset, settings: Mapping[str, Any] | None, trust: bool) -> Model:
    """Return a source model that a generator can be trained against with clips of a dataset."""
    model = load_deciding(reference, trust=trust, **(settings or {}))
    if model.access != "gradient":
        raise StaanetError(
            f"{reference}: expected a source model with gradients, by which a generator is trained, got one that gives "
            f"{model.access} only"
        )
    if model.sample_rate != clips.sample_rate:
        raise StaanetError(
            f"{clips.folder}: expected {reference}'s {model.sample_rate} Hz, got {clips.sample_rate} Hz; "
            f"prepare one with --sample-rate {model.sample_rate}"
        )
    return model


def _shared_split(references: Sequence[str | Path], clips: Dataset, seed: int) -> Split:
    """Return the split of the source models that were trained on a dataset, or one by the seed."""
    lent = {str(one): split for one in references if (split := lent_split(one, clips)) is not None}
    if not lent:
        return split_of(clips, seed)
    (first, split), *others = lent.items()
    for name, other in others:
        if other.digest() != split.digest():
            raise StaanetError(
                f"{name}: expected the split of {first}, got another one, so that the test clips of one model would "
                "train the generator that attacks the other; train both with the same seed"
            )
    return split
