"""Signs that numbers say little about a model, looked for on some of the clips on which it is evaluated."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch

from staanet.core.signs import find_signs
from staanet.evaluation.adversarial import Protocol, load_clips
from staanet.evaluation.features import ClipDataset
from staanet.models import FeatureView, Model

CLIPS = 32
"""Number of clips on which signs are looked for."""

BATCH = 8
"""Number of clips in a batch in which signs are looked for."""


def signs_on_clips(
    model: Model | FeatureView,
    dataset: ClipDataset,
    clips: Sequence[str],
    *,
    protocol: Protocol,
    size: int,
    device: torch.device,
) -> dict[str, float | bool | None]:
    """Return the signs of a model by their names: shares over the clips, and whether any batch shows the others.

    The clips are 32 of those given, chosen evenly; `staanet.core.signs.Signs` describes the signs.

    Args:
        model: The model, or a view of its features.
        dataset: Dataset of the clips, or of their features.
        clips: Ids of the clips, one or more.
        protocol: How the clips are attacked.
        size: Trained length of the source model in samples, to which `paper` repeats or cuts the clips.
        device: Device on which the model runs.
    """
    model.to(device).eval()
    chosen = [clips[i] for i in np.unique(np.linspace(0, len(clips) - 1, CLIPS).round().astype(int))]
    found = []
    for ids in dataset.batches(chosen, BATCH):
        batch = load_clips(dataset, ids, protocol, size).to(device)
        found.append((len(ids), asdict(find_signs(model, batch.waveforms, batch.lengths, clips=BATCH))))
    return {name: _combined(name, [(n, signs[name]) for n, signs in found]) for name in found[0][1]}


def _combined(name: str, values: Sequence[tuple[int, float | bool | None]]) -> float | bool | None:
    """Return whether any batch shows a sign, or the mean over the clips of shares; None if no value is known.

    Answers are probabilities only if those of all batches are.
    """
    known = [(n, value) for n, value in values if value is not None]
    if not known:
        return None
    if isinstance(known[0][1], bool):
        return (all if name == "probabilities" else any)(value for _, value in known)
    return sum(n * value for n, value in known) / sum(n for n, _ in known)
