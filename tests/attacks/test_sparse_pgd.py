import pytest
import torch

from attacks.behaviour import BUDGET, check_flat_model, check_memory_is_linear, gradients_of_12_steps
from attacks.linear import (
    COUNT,
    EPSILON,
    SPARSE,
    check_bounds_are_considered,
    check_sparse_optimum,
    check_sparse_target,
    linear,
)
from attacks.oracles import FOOLED, fooled_by
from staanet.attacks import create_attack
from staanet.core.errors import StaanetError

CASES = pytest.mark.parametrize(
    "settings", [{}, {"positions": "first_gradient", "momentum": 0.0}, {"preset": "noise_injection"}]
)


@CASES
def test_reaches_the_optimum_within_the_budget(settings, waveforms):
    check_sparse_optimum("sparse_pgd", waveforms, **settings)


@CASES
def test_prefers_samples_that_can_move(settings, waveforms):
    check_bounds_are_considered("sparse_pgd", waveforms, **settings)


def test_reaches_the_target_where_it_can(waveforms):
    check_sparse_target("sparse_pgd", waveforms)


def test_random_positions_use_the_whole_budget(waveforms):
    _, model = linear(2)
    labels = model(waveforms).argmax(1)
    change = create_attack("sparse_pgd", positions="random", **SPARSE)(model, waveforms, labels) - waveforms
    assert ((change != 0).sum(1) == COUNT).all()
    torch.testing.assert_close(change.abs().sum(1), torch.full((16,), COUNT * EPSILON), atol=1e-4, rtol=0)


def test_takes_as_many_gradients_as_steps(small_model, clips):
    assert gradients_of_12_steps("sparse_pgd", small_model, clips) == 12 * 3


def test_a_flat_model_does_no_harm(clips):
    check_flat_model("sparse_pgd", clips, steps=8)


def test_memory_is_linear_in_the_length_of_the_clip():
    check_memory_is_linear("sparse_pgd")


@pytest.mark.parametrize("positions", ["first_gradient", "random"])
def test_fixed_positions_are_the_same_in_all_steps(positions, small_model, clips):
    waveforms, lengths, labels = clips
    few, many = (
        create_attack("sparse_pgd", positions=positions, steps=steps, objective="cross_entropy", **BUDGET)(
            small_model, waveforms, labels, lengths
        )
        for steps in (2, 8)
    )
    for before, after, clean, length in zip(few, many, waveforms, lengths.tolist(), strict=True):
        assert ((before != clean) | (after != clean)).sum() <= length // 10


def test_the_preset_has_the_published_settings():
    paper = create_attack("sparse_pgd", preset="paper")
    assert (paper.steps, paper.step_size, paper.random_start, paper.objective) == (20, 0.25, True, "cross_entropy")
    assert paper.momentum == 0
    assert paper.positions != "every_step"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps of 1 or more"),
        ({"step_size": 0.0}, "step_size above 0"),
        ({"momentum": 1.0}, "momentum in .0, 1."),
        ({"positions": "top"}, "positions"),
        ({"diversity": 1.5}, "diversity in"),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("sparse_pgd", **settings)


def test_fools_as_many_as_the_best_code_of_other_authors(mlp, mlp_clips):
    assert fooled_by("sparse_pgd", mlp, mlp_clips) >= max(FOOLED.values())
