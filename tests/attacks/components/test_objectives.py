"""Objectives against torch's own functions and formulas written out."""

import pytest
import torch
from torch.nn import functional

from staanet.attacks.components.objectives import crossing, fooled, objective_values, succeeded, value_and_grad
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import create_model

OBJECTIVES = ("cross_entropy", "margin", "dlr")
LOGITS = torch.tensor([[5.0, 1.0, 4.0, 0.0, 2.0], [1.0, 7.0, 3.0, 2.0, 6.0], [0.0, 2.0, 9.0, 4.0, 4.0]])
LABELS = torch.tensor([0, 2, 3])
"""Labels of a correct clip, of a wrong one in third place, and of a wrong one tied for the second place."""


@pytest.mark.parametrize("targeted", [False, True])
def test_cross_entropy_is_torchs(targeted):
    found = objective_values(LOGITS, LABELS, "cross_entropy", targeted)
    by_hand = LOGITS.exp().sum(1).log() - LOGITS[range(3), LABELS]
    torch.testing.assert_close(found, -by_hand if targeted else by_hand)
    sign = -1 if targeted else 1
    torch.testing.assert_close(found, sign * functional.cross_entropy(LOGITS, LABELS, reduction="none"))


def test_the_margin_is_the_highest_other_logit_less_that_of_the_label():
    by_hand = torch.tensor([4.0 - 5.0, 7.0 - 3.0, 9.0 - 4.0])
    torch.testing.assert_close(objective_values(LOGITS, LABELS, "margin"), by_hand)
    torch.testing.assert_close(objective_values(LOGITS, LABELS, "margin", targeted=True), -by_hand)


def test_dlr_divides_the_margin_by_the_first_less_the_third():
    by_hand = torch.tensor([-(5 - 4) / (5 - 2), -(3 - 7) / (7 - 3), -(4 - 9) / (9 - 4)])
    torch.testing.assert_close(objective_values(LOGITS, LABELS, "dlr"), by_hand)


def test_targeted_dlr_divides_by_the_first_less_the_mean_of_third_and_fourth():
    by_hand = torch.tensor([0.0, -(7 - 3) / (7 - (3 + 2) / 2), -(9 - 4) / (9 - (4 + 2) / 2)])
    torch.testing.assert_close(objective_values(LOGITS, LABELS, "dlr", targeted=True), by_hand)


@pytest.mark.parametrize("targeted", [False, True])
def test_no_scale_and_no_offset_of_the_logits_changes_dlr(targeted):
    scaled = objective_values(LOGITS * 1000 + 3, LABELS, "dlr", targeted)
    torch.testing.assert_close(scaled, objective_values(LOGITS, LABELS, "dlr", targeted), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("classes", "targeted"), [(2, False), (3, True), (2, True)])
def test_dlr_of_too_few_classes_is_rejected(classes, targeted):
    with pytest.raises(StaanetError, match=f"{4 if targeted else 3} or more classes .*got {classes}; use margin"):
        objective_values(LOGITS[:, :classes], torch.zeros(3, dtype=torch.int64), "dlr", targeted)
    assert objective_values(LOGITS[:, : classes + 2], LABELS.clamp_max(classes), "dlr", targeted).shape == (3,)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("targeted", [False, True])
def test_an_objective_grows_as_the_label_is_left_or_reached(objective, targeted):
    rising = torch.stack([LOGITS[1] + step * torch.tensor([0.0, 0, 1, 0, 0]) for step in range(6)])
    values = objective_values(rising, torch.full((6,), 2), objective, targeted) * (1 if targeted else -1)
    assert (values.diff() >= 0).all()
    assert values[-1] > values[0]


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("targeted", [False, True])
def test_the_gradient_is_that_of_each_clips_own_value(objective, targeted, clips):
    waveforms, lengths, labels = clips
    with seeded("victim"):
        model = create_model("zhao19", labels="abcde", seconds=0.05).eval()
    found = value_and_grad(model, waveforms, labels, lengths, objective, targeted)
    torch.testing.assert_close(found.logits, model(waveforms, lengths).detach())
    torch.testing.assert_close(found.values, objective_values(found.logits, labels, objective, targeted))
    assert not any(tensor.requires_grad for tensor in found)
    for row, length in enumerate(lengths.tolist()):
        alone = value_and_grad(
            model, waveforms[row : row + 1], labels[row : row + 1], lengths[row : row + 1], objective, targeted
        )
        torch.testing.assert_close(alone.gradients[0], found.gradients[row], atol=1e-6, rtol=1e-3)
        assert (found.gradients[row, length:] == 0).all()
        nonzero = bool((found.gradients[row, :length] != 0).any())
        assert nonzero == bool(found.values[row] != 0)  # 0 is the most that targeted dlr can be


def test_the_gradient_of_a_linear_model_is_its_weights():
    with seeded("weights"):
        weights = torch.randn(3, 6)
        waveforms = torch.rand(2, 6) - 0.5
    labels, lengths = torch.tensor([0, 2]), torch.tensor([6, 6])

    def model(waveforms, lengths):  # noqa: ARG001
        return waveforms @ weights.T

    found = value_and_grad(model, waveforms, labels, lengths, "margin")
    for row, label in enumerate(labels.tolist()):
        other = max((name for name in range(3) if name != label), key=lambda name: float(found.logits[row, name]))
        torch.testing.assert_close(found.gradients[row], weights[other] - weights[label])
    probabilities = found.logits.softmax(1) - functional.one_hot(labels, 3)
    torch.testing.assert_close(value_and_grad(model, waveforms, labels, lengths).gradients, probabilities @ weights)


def test_the_waveforms_and_the_mode_of_autograd_stay_as_they_are():
    waveforms = torch.zeros(1, 3)
    with torch.no_grad():
        found = value_and_grad(
            lambda waveforms, _: waveforms * 2, waveforms, torch.tensor([1]), torch.tensor([3]), "margin"
        )
        assert not torch.is_grad_enabled()
    assert found.gradients.abs().sum() == 4
    assert not waveforms.requires_grad


def test_success_depends_on_the_predicted_class():
    labels = torch.tensor([0, 2, 2])
    assert succeeded(LOGITS, labels).tolist() == [False, True, False]
    assert succeeded(LOGITS, labels, targeted=True).tolist() == [True, False, True]
    assert fooled(LOGITS, labels).tolist() == [False, True, False]
    assert fooled(LOGITS, labels, targeted=True).tolist() == [True, False, True]


@pytest.mark.parametrize("targeted", [False, True])
def test_a_clip_on_the_boundary_is_fooled_but_has_not_succeeded(targeted):
    labels = torch.tensor([1 if targeted else 0] * 4)
    logits = torch.tensor([[1.0, 1.0 + gap, -1.0] for gap in (-1e-5, 0.0, 1e-4, 1e-3)])
    assert fooled(logits, labels, targeted).tolist()[2:] == [True, True]
    assert succeeded(logits, labels, targeted).tolist() == [False, False, False, True]


def test_two_equal_logits_have_a_margin_to_cross_too():
    logits = torch.tensor([[7.0, 7.0 + 2e-6], [7.0, 7.1]])
    assert (crossing(logits) > 1e-5).all()
    assert succeeded(logits, torch.tensor([0, 0])).tolist() == [False, True]
