"""The last step of attacks that stop at a boundary: perturbations grow a little, so that none ends in front of it."""

from torch import Tensor

from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.objectives import CROSSING

MAX_OVERSHOOT = 0.02
"""Largest share by which a perturbation grows (the overshoot of DeepFool's paper)."""


def evaluate_growing(best: BestSoFar, perturbations: Tensor, rows: Tensor, box: Box, overshoot: float = 0.0) -> None:
    """Evaluate perturbations `[b, T]` of the clips `rows` `[b]` and, until they succeed, larger and larger ones.

    The overshoot doubles from `CROSSING` to 0.02, so a clip that does not succeed takes up to 9 forward passes.

    Args:
        best: Best perturbations so far, which this updates.
        perturbations: Perturbations without overshoot.
        rows: Indices of their clips.
        box: Box of all clips, to which perturbations are clamped.
        overshoot: First overshoot, as a share of the perturbation. At 0.02 or more it does not grow.
    """
    while len(rows):
        best.evaluate(box.rows(rows).clamp((1 + overshoot) * perturbations), rows)
        if overshoot >= MAX_OVERSHOOT:
            return
        left = ~best.succeeded[rows]
        rows, perturbations = rows[left], perturbations[left]
        overshoot = min(max(2 * overshoot, CROSSING), MAX_OVERSHOOT)
