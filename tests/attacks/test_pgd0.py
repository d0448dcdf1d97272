import pytest

from attacks.behaviour import check_flat_model, gradients_of_12_steps
from attacks.linear import check_bounds_are_considered, check_sparse_optimum, check_sparse_target
from attacks.oracles import FOOLED, fooled_by
from staanet.attacks import create_attack
from staanet.core.errors import StaanetError

CASES = pytest.mark.parametrize("settings", [{}, {"restarts": 3, "steps": 90}])


@CASES
def test_reaches_the_optimum_within_the_budget(settings, waveforms):
    check_sparse_optimum("pgd0", waveforms, **settings)


@CASES
def test_prefers_samples_that_can_move(settings, waveforms):
    check_bounds_are_considered("pgd0", waveforms, **settings)


def test_reaches_the_target_where_it_can(waveforms):
    check_sparse_target("pgd0", waveforms)


def test_takes_as_many_gradients_as_steps(small_model, clips):
    assert gradients_of_12_steps("pgd0", small_model, clips) == 12 * 3


def test_a_flat_model_does_no_harm(clips):
    check_flat_model("pgd0", clips, steps=8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"steps": 0}, "steps of 1 or more"), ({"steps": 5, "restarts": 6}, "restarts in 1..5")],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("pgd0", **settings)


def test_fools_as_many_as_the_authors_code(mlp, mlp_clips):
    assert fooled_by("pgd0", mlp, mlp_clips) >= FOOLED["pgd0", None]
