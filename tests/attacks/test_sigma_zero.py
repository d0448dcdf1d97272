import pytest

from attacks.behaviour import check_flat_model, check_fooled_clips_stay, gradients_of_12_steps
from attacks.linear import check_fewest_samples, check_fewest_within_budget, check_sparse_target
from attacks.oracles import UNBOUNDED, changed
from staanet.attacks import create_attack
from staanet.core.errors import StaanetError

AUTHORS = 1.4375
"""Mean number of samples that jeromerony/adversarial-library 9dec220 changes in 100 steps; it fools all clips."""


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_changes_few_more_samples_than_necessary(classes, waveforms):
    check_fewest_samples("sigma_zero", classes, waveforms)


def test_returns_the_best_within_the_budget_where_the_fewest_do_not_fit(waveforms):
    check_fewest_within_budget("sigma_zero", waveforms)


def test_reaches_the_target_where_it_can(waveforms):
    check_sparse_target("sigma_zero", waveforms)


def test_takes_no_more_gradients_than_steps(small_model, clips):
    assert 0 < gradients_of_12_steps("sigma_zero", small_model, clips) <= 12 * 3


def test_a_clip_that_already_fools_the_model_stays(small_model, clips):
    check_fooled_clips_stay("sigma_zero", small_model, clips)


def test_a_flat_model_does_no_harm(clips):
    check_flat_model("sigma_zero", clips, steps=8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps of 1 or more"),
        ({"sigma": 0.0}, "sigma above 0"),
        ({"step_size": 0.25}, "threshold in .0, 0.25., below the step_size"),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("sigma_zero", **settings)


@pytest.mark.parametrize("step_size", [0.5, 1.0])
def test_changes_as_few_samples_as_the_authors_code(step_size, mlp, mlp_clips):
    labels = mlp(mlp_clips).argmax(1)
    adversarial = create_attack("sigma_zero", steps=100, step_size=step_size, **UNBOUNDED)(mlp, mlp_clips, labels)
    assert (mlp(adversarial).argmax(1) != labels).all()
    assert changed(adversarial, mlp_clips).float().mean() <= 1.05 * AUTHORS
