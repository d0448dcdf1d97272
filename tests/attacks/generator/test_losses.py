import math

import pytest
import torch

from staanet.attacks.generator.base import DensePerturbation, SparsePerturbation
from staanet.attacks.generator.losses import Losses

LENGTHS = torch.tensor([4, 2])
EPSILON = torch.tensor([[0.1], [0.2]])
LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
LABELS = torch.tensor([0, 0])
MAGNITUDES = torch.tensor([[0.1, -0.1, 0.05, 0.0], [0.2, 0.1, 0.0, 0.0]])
SCORES = torch.tensor([[0.9, 0.2, 0.5, 0.0], [1.0, 0.4, 0.0, 0.0]])
POSITIONS = torch.tensor([[1.0, 0.2, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]])


def losses(**settings):
    output = SparsePerturbation(torch.zeros(2, 4), MAGNITUDES, POSITIONS, SCORES)
    values = Losses(magnitude=1.0, sparsity=1.0, quantisation=1.0, **settings)(LOGITS, LABELS, output, EPSILON, LENGTHS)
    return {name: float(value) for name, value in values.items()}


def test_the_papers_reduction_takes_norms_over_the_whole_batch():
    found = losses(reduction="paper", confidence=0.0)
    assert found["adversarial"] == pytest.approx(1.0 + 0.0)
    assert found["magnitude"] == pytest.approx(math.sqrt(0.01 + 0.01 + 0.0025 + 0.04 + 0.01))
    assert found["sparsity"] == pytest.approx(3.2)
    assert found["quantisation"] == pytest.approx(math.sqrt(0.01 + 0.04 + 0.25 + 0.16))


def test_the_clip_reduction_takes_shares_of_each_clip():
    found = losses(reduction="clip", confidence=5.0)
    assert found["adversarial"] == pytest.approx((1.0 - 3.0) / 2)
    assert found["magnitude"] == pytest.approx((math.sqrt(2.25 / 4) + math.sqrt(1.25 / 2)) / 2, rel=1e-5)
    assert found["sparsity"] == pytest.approx((2.2 / 4 + 1 / 2) / 2)
    assert found["quantisation"] == pytest.approx((math.sqrt(0.30 / 4) + math.sqrt(0.16 / 2)) / 2, rel=1e-5)


def test_the_margin_counts_down_to_the_confidence():
    assert losses(confidence=1.0)["adversarial"] == pytest.approx((1.0 - 1.0) / 2)


@pytest.mark.parametrize("reduction", ["clip", "paper"])
def test_a_clip_that_changes_nothing_has_finite_gradients(reduction):
    raw = torch.zeros(1, 6, requires_grad=True)
    output = SparsePerturbation(raw, raw, raw, raw)
    parts = Losses(reduction, magnitude=1.0, sparsity=1.0, quantisation=1.0)(
        LOGITS[:1], LABELS[:1], output, torch.zeros(1, 1), torch.tensor([6])
    )
    sum(parts.values()).backward()
    assert torch.isfinite(raw.grad).all()


@pytest.mark.parametrize(
    ("reduction", "expected"), [("paper", 0.55), ("clip", ((1 + 1 + 0.5) / 4 + (1 + 0.5) / 2) / 2)]
)
def test_without_positions_the_sparsity_loss_is_that_of_the_magnitudes(reduction, expected):
    ones = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]])
    output = DensePerturbation(torch.zeros(2, 4), MAGNITUDES, ones, ones)
    found = Losses(reduction, sparsity=1.0)(LOGITS, LABELS, output, EPSILON, LENGTHS)
    assert float(found["sparsity"]) == pytest.approx(expected)
