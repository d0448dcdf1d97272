import pytest
import torch

from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.overshoot import evaluate_growing
from staanet.core.budget import Budget

LENGTHS, LABELS = torch.tensor([2, 2, 2]), torch.tensor([0, 0, 0])


class Threshold:
    """The second of three classes wins if the first sample exceeds 1; it counts the clips it evaluates."""

    bounds = (-2.0, 2.0)

    def __init__(self):
        self.evaluated = 0

    def __call__(self, waveforms, lengths):  # noqa: ARG002
        self.evaluated += len(waveforms)
        first = waveforms[:, 0]
        return torch.stack([torch.ones_like(first), first, -torch.ones_like(first)], 1)


def grown(sizes, overshoot=0.0, epsilon=2.0):
    """Return the perturbations kept of changes of the first sample by `sizes`, and the number of evaluations."""
    model, waveforms = Threshold(), torch.zeros(3, 2)
    best = BestSoFar(model, waveforms, LABELS, LENGTHS, "margin")
    box = Box.of(Budget(epsilon=epsilon), model, waveforms, LENGTHS)
    perturbations = torch.stack([torch.tensor(sizes), torch.zeros(3)], 1)
    evaluate_growing(best, perturbations, best.all_rows, box, overshoot)
    return best, model.evaluated


def test_grows_until_a_clip_is_clearly_beyond_the_boundary():
    best, evaluated = grown([1.5, 1.0, 0.9])
    assert best.succeeded.tolist() == [True, True, False]
    assert best.perturbations[:, 0].tolist() == pytest.approx([1.5, 1.0008, 0.9 * 1.02])
    assert evaluated == 1 + 4 + 9


def test_stays_within_the_box():
    best, _ = grown([1.0, 1.0, 1.0], epsilon=1.0)
    assert not best.succeeded.any()
    assert best.perturbations.abs().max() <= 1


def test_does_not_grow_beyond_the_first_overshoot_if_that_is_the_largest():
    best, evaluated = grown([0.99, 0.5, 0.5], overshoot=0.02)
    assert best.succeeded.tolist() == [True, False, False]
    assert evaluated == 3
