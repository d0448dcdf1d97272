"""Train one generator against a frozen model and save its checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from staanet.attacks.generator import create_generator
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable, discard, read_json
from staanet.core.seeds import seeded
from staanet.core.settings import from_preset, validated
from staanet.core.signature import signature
from staanet.data import Split, Store
from staanet.models import load_victim
from staanet.tasks.train import dealt
from staanet.training.generator import GENERATOR_PRESETS, GeneratorTraining, train_generator
from staanet.training.loop import History


def fit(
    generator: str,
    source: Path,
    store: Path,
    out: Path,
    *,
    sizes: Mapping[str, Any],
    training: Mapping[str, Any],
    seed: int,
    device: torch.device,
) -> History:
    """Train a generator against a trained victim, on the victim's own training clips where the store is its own.

    On another store the speakers are dealt by `seed`.
    """
    clips = Store(store)
    victim = load_victim(source)
    about = read_json(source / checkpoints.CONFIG)
    if about.get("made_from", {}).get("store") == clips.digest:
        split = validated(Split, about["split"], str(source))
    else:
        split = dealt(clips, seed)
    if victim.sample_rate != clips.sample_rate:
        raise StaanetError(
            f"{store}: expected a store at {source}'s {victim.sample_rate} Hz, got {clips.sample_rate} Hz; "
            f"prepare one with --sample-rate {victim.sample_rate}"
        )
    settings = from_preset(GeneratorTraining, GENERATOR_PRESETS, training, generator)
    check_replaceable(out, checkpoints.CONFIG)
    with seeded(seed, "weights", generator):
        network = create_generator(generator, **sizes)
    made_from = {"generator": generator, "sizes": network.settings, "training": settings}
    made_from |= {"source": checkpoints.digest(source), "store": clips.digest, "split": split.digest(), "seed": seed}
    progress = out.with_name(f"{out.name}-{signature(made_from)}.progress")
    history = train_generator(network, victim, clips, split.train, split.val, settings, progress, seed, device)
    checkpoints.save(network, out, made_from=made_from, history=history)
    discard(progress)
    return history
