"""How many draws of a random defence an attacker must average over, and the attacks and decisions that show it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from staanet.attacks import create_attack
from staanet.core.budget import Budget
from staanet.core.progress import track
from staanet.data import Dataset
from staanet.models import Model

Flags = NDArray[np.bool_]

BATCH = 8
"""Clips that are attacked at once."""

MOST_DRAWS = 32
"""Largest number of draws over which a random defence is averaged."""

TOLERANCE = 0.02
"""Change of robust accuracy by twice as many draws below which more draws are not tried."""


def until_settled(attempt: Callable[[int], Flags], *, random: bool) -> tuple[Flags, list[tuple[int, float]]]:
    """Attack with ever more draws, until twice as many change nothing or there are `MOST_DRAWS`.

    Args:
        attempt: Function from a number of draws to whether each clip is right under the attack.
        random: Whether the defence draws random numbers; otherwise there is one attempt.

    Returns:
        Whether each clip is right under all attempts, and the robust accuracy of each number of draws.
    """
    robust, tried, draws = attempt(1), [], 1
    tried.append((1, float(robust.mean())))
    while random and draws < MOST_DRAWS and not converged(tried):
        draws *= 2
        one = attempt(draws)
        robust = robust & one
        tried.append((draws, float(one.mean())))
    return robust, tried


def converged(tried: Sequence[tuple[int, float]], *, alone: bool = False) -> bool:
    """Return whether the last doubling of the number of draws changed nothing; `alone` if there was no doubling.

    >>> converged([(1, 0.5), (2, 0.4), (4, 0.4)]), converged([(1, 0.5)])
    (True, False)
    """
    return alone if len(tried) < 2 else abs(tried[-1][1] - tried[-2][1]) <= TOLERANCE


def attacked(
    source: Model, budget: Budget, steps: int, dataset: Dataset, ids: Sequence[str], device: torch.device, seed: int
) -> dict[str, Any]:
    """Return the adversarial clips `[T]` of an attack with gradients by their ids: `spgd` on few samples, or `apgd`."""
    name, settings = ("spgd", {}) if budget.sparsity < 1 else ("apgd", {"restarts": 1})
    attack = create_attack(name, budget=budget, steps=steps, **settings)
    return made(lambda *inputs: attack(source, *inputs, seed=seed), dataset, ids, device)


def made(perturb: Any, dataset: Dataset, ids: Sequence[str], device: torch.device) -> dict[str, Any]:
    """Return what a function of waveforms, labels and lengths makes of clips, by their ids."""
    found: dict[str, Any] = {}
    for group in track(dataset.batches(ids, BATCH), "attack"):
        batch = dataset.batch(group).to(device)
        clips = perturb(batch.waveforms, batch.labels, batch.lengths).cpu()
        found |= {clip: one[:length] for clip, one, length in zip(group, clips, batch.lengths.tolist(), strict=True)}
    return found


def right(
    model: Model, dataset: Dataset, ids: Sequence[str], replaced: Mapping[str, Any], device: torch.device
) -> Flags:
    """Return whether a model is right on each clip, or on what replaces it."""
    found = []
    for clip in ids:
        samples = replaced.get(clip, dataset.waveform(clip)).to(device)
        with torch.no_grad():
            logits = model(samples[None], torch.tensor([len(samples)], device=device))
        found.append(int(logits.argmax(1)) == dataset.label(clip))
    return np.array(found)
