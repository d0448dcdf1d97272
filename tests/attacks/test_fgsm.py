import copy

import pytest
import torch
from torch.nn import functional

from attacks.behaviour import ZERO, evaluations
from attacks.linear import check_dense_optimum
from attacks.oracles import BALL, EPSILON, RADIUS, by_art, ours
from staanet.attacks import create_attack
from staanet.core.errors import StaanetError


@pytest.mark.parametrize("sparsity", [1.0, 0.1])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_reaches_the_optimum_within_the_budget(norm, sparsity, waveforms):
    check_dense_optimum("fgsm", norm, sparsity, waveforms, share=0.999)


@pytest.mark.parametrize("targeted", [False, True])
def test_is_the_sign_of_the_gradient(targeted, tiny_linear, tiny_waveforms):
    labels = torch.tensor([2, 2]) if targeted else tiny_linear(tiny_waveforms).argmax(1)
    points = tiny_waveforms.clone().requires_grad_()
    functional.cross_entropy(tiny_linear(points), labels, reduction="sum").backward()
    by_hand = tiny_waveforms + (-0.1 if targeted else 0.1) * points.grad.sign()
    found = create_attack("fgsm", epsilon=0.1, sparsity=1.0, targeted=targeted)(tiny_linear, tiny_waveforms, labels)
    torch.testing.assert_close(found, by_hand)


def test_a_certain_model_still_has_a_gradient():
    """In single precision the softmax of these logits is exactly 1, whose gradient vanishes."""

    def certain(waveforms):
        return torch.stack([80 + waveforms.sum(1), waveforms[:, 0] - waveforms[:, 1]], dim=1)

    found = create_attack("fgsm", epsilon=0.1, sparsity=1.0)(certain, torch.zeros(1, 2), ZERO)
    torch.testing.assert_close(found, torch.tensor([[0.0, -0.1]]))


@pytest.mark.parametrize("sparsity", [1.0, 0.5])
def test_takes_one_gradient(sparsity, tiny_waveforms):
    assert evaluations("fgsm", tiny_waveforms, sparsity) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rms": 0.5}, "rms for the norm l2 only"),
        ({"norm": "l2", "rms": 0.0}, r"rms in \(0, 1\]"),
        ({"norm": "l1"}, "'linf' or 'l2'"),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("fgsm", **settings)


def test_has_the_signs_of_double_precision(tone_model, tone_clips):
    waveforms, labels = tone_clips
    points = waveforms.double().requires_grad_()
    functional.cross_entropy(copy.deepcopy(tone_model).double()(points), labels, reduction="sum").backward()
    found = ours("fgsm", tone_model, tone_clips)
    assert ((found - waveforms).sign() == points.grad.sign()).float().mean() > 0.999


@pytest.mark.parametrize(("settings", "theirs"), [({}, {"eps": EPSILON}), (BALL, {"eps": RADIUS, "norm": 2})])
def test_equals_art_where_the_model_is_not_certain(settings, theirs, tone_model, tone_clips, art_model):
    """Elsewhere ART's gradient of a cross-entropy by log-softmax is rounded to zero."""
    unsure = tone_model(tone_clips[0]).softmax(1).amax(1) < 0.99
    assert unsure.sum() > 10
    mine = ours("fgsm", tone_model, tone_clips, **settings)
    theirs = by_art("FastGradientMethod", art_model, tone_clips, **theirs)
    torch.testing.assert_close(mine[unsure], theirs[unsure], atol=1e-4, rtol=0)
