import pytest
import torch

from attacks.behaviour import BUDGET, check_flat_model, gradients_of_12_steps
from attacks.linear import (
    SPARSE,
    check_bounds_are_considered,
    check_sparse_optimum,
    check_sparse_target,
    fall,
    largest_fall,
    linear,
)
from attacks.oracles import FOOLED, fooled_by
from staanet.attacks import create_attack
from staanet.attacks.components.box import Box
from staanet.core.errors import StaanetError
from staanet.core.waveforms import valid_samples


def test_reaches_the_optimum_within_the_budget(waveforms):
    check_sparse_optimum("spgd", waveforms)


def test_prefers_samples_that_can_move(waveforms):
    check_bounds_are_considered("spgd", waveforms)


def test_projected_gradients_leave_magnitudes_where_they_start(waveforms):
    """Half of them start with the wrong sign and never enter the mask, so that the optimum is out of reach."""
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    adversarial = create_attack("spgd", gradient="projected", **SPARSE)(model, waveforms, labels)
    found = fall(model, waveforms, adversarial, labels) / largest_fall(weights)
    assert 0.7 <= found.min() <= found.max() <= 0.95


def test_reaches_the_target_where_it_can(waveforms):
    check_sparse_target("spgd", waveforms)


def test_takes_as_many_gradients_as_steps(small_model, clips):
    assert gradients_of_12_steps("spgd", small_model, clips) == 12 * 3


def test_a_flat_model_does_no_harm(clips):
    check_flat_model("spgd", clips, steps=8)


def test_a_stuck_mask_is_drawn_anew(monkeypatch, clips):
    waveforms, lengths, labels = clips
    masks = []
    top = Box.top
    monkeypatch.setattr(Box, "top", lambda self, scores: masks.append(top(self, scores)) or masks[-1])

    def hopeless(waveforms):
        return torch.cat([waveforms[:, :1] + 9, 0 * waveforms[:, :2]], 1)

    create_attack("spgd", steps=9, patience=3, **BUDGET)(hopeless, waveforms, labels * 0, lengths)
    whole = [mask for mask in masks if len(mask) == 3]
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) > 2
    assert all((mask.sum(1) == lengths // 10).all() for mask in whole)
    assert all(not (mask & ~valid_samples(lengths, 900)).any() for mask in whole)


@pytest.mark.parametrize(
    ("settings", "message"), [({"steps": 0}, "steps of 1 or more"), ({"patience": 0}, "patience of 1 or more")]
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("spgd", **settings)


@pytest.mark.parametrize("gradient", ["unprojected", "projected"])
def test_fools_as_many_as_the_authors_code(gradient, mlp, mlp_clips):
    assert fooled_by("spgd", mlp, mlp_clips, gradient=gradient) >= FOOLED["spgd", gradient]
