"""An attacker who knows the detector: the clip must fool the model and look clean."""

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.budget import Budget
from staanet.core.unwrapping import frozen
from staanet.detectors.base import Detector
from staanet.models import Model


def evade(
    model: Model,
    detector: Detector,
    waveforms: Tensor,
    labels: Tensor,
    lengths: Tensor,
    budget: Budget,
    steps: int = 100,
    step_size: float = 0.1,
) -> Tensor:
    """Return clips `[B, T]` within a budget that fool a model, if possible, and of these the least suspicious.

    Source: selective projected gradient descent, O. Bryniarski et al., ICLR 2022 (arXiv 2106.15023, section 4.1): a
    step follows the gradient of the model while the clip is classified correctly, and that of the detector once it
    is not.

    Args:
        model: The model.
        detector: The detector.
        waveforms: Clean clips, `[B, T]`.
        labels: True classes, `[B]`.
        lengths: Valid samples of each clip, `[B]`.
        budget: Limits on the size of a change and on the share of samples that may change.
        steps: Number of steps, 1 or more.
        step_size: Size of a step as a share of epsilon.
    """
    epsilon, _ = budget.resolve(waveforms, lengths)
    changes, best = torch.zeros_like(waveforms), waveforms.clone()
    lowest = torch.full((len(waveforms),), torch.inf, device=waveforms.device)
    with frozen(model):
        for step in range(steps + 1):
            points = _applied(waveforms, budget.clamp(changes, waveforms, lengths)).requires_grad_()
            logits, scores = model(points, lengths), detector.scores(model, points, lengths)
            fooled = logits.argmax(1) != labels
            better = fooled & (scores.detach() < lowest)
            best = torch.where(better[:, None], points.detach(), best)
            lowest = torch.where(better, scores.detach(), lowest)
            if step == steps:
                break
            losses = functional.cross_entropy(logits.float(), labels, reduction="none")
            wanted = torch.where(fooled, -scores, losses).sum()
            (gradients,) = torch.autograd.grad(wanted, points)
            changes = (changes + step_size * epsilon * gradients.sign()).clamp(-epsilon, epsilon)
    return best


def _applied(waveforms: Tensor, changes: Tensor) -> Tensor:
    return (waveforms + changes).clamp(-1, 1).detach()
