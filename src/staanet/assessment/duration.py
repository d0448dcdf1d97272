"""How long an evaluation takes, from passes of a few clips."""

import time
from collections.abc import Sequence

import torch

from staanet.assessment.measurement import BATCH, members_of
from staanet.assessment.settings import Curves, Effort
from staanet.core.classifier import as_classifier
from staanet.core.unwrapping import frozen
from staanet.data import Dataset
from staanet.models import Model


def seconds_needed(
    model: Model, dataset: Dataset, clips: Sequence[str], curves: Curves, effort: Effort, device: torch.device
) -> float:
    """Return about how many seconds the attacks on a model take, from passes of a few clips of middle length.

    Attacks of last resort are not counted: nobody knows yet which clips the others leave right.
    """
    answer, step = pass_seconds(model, dataset, clips, device)
    seconds = answer * (1.0 + len(curves.dense) + len(curves.sparse))
    for members in members_of(effort, model):
        for member in members:
            if member.last_resort:
                continue
            times = 1 if member.minimal else 1.7  # budgets that are tried for a clip, on average
            steps, queries = (float(member.settings.get(name, 0)) for name in ("steps", "queries"))
            seconds += times * (steps * step + queries * answer)
    return seconds * len(clips)


def pass_seconds(model: Model, dataset: Dataset, clips: Sequence[str], device: torch.device) -> tuple[float, float]:
    """Return the seconds per clip of a forward pass, and of one with gradients if the model has them, of a few clips.

    The clips are of middle length.
    """
    middle = dataset.batches(clips, BATCH)[len(clips) // BATCH // 2]
    batch = dataset.batch(middle).to(device)
    classifier = as_classifier(model)

    def once(gradient: bool) -> float:
        points = batch.waveforms.clone().requires_grad_(gradient)
        started = time.perf_counter()
        with torch.set_grad_enabled(gradient), frozen(classifier):
            logits = classifier(points, batch.lengths)
            if gradient:
                torch.autograd.grad(logits.sum(), points)
        return (time.perf_counter() - started) / len(middle)

    answer = min(once(gradient=False) for _ in range(2))
    step = min(once(gradient=True) for _ in range(2)) if model.access == "gradient" else answer
    return answer, step
