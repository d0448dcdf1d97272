import pytest

from attacks.behaviour import (
    check_flat_model,
    check_fooled_clips_stay,
    check_memory_is_linear,
    gradients_of_12_steps,
)
from attacks.linear import check_fewest_samples, check_fewest_within_budget
from attacks.oracles import UNBOUNDED, Images, changed
from staanet.attacks import ATTACKS, create_attack
from staanet.core.errors import StaanetError

CASES = pytest.mark.parametrize("settings", [{}, {"push": 10.0}])
AUTHORS = {1.0: 1.5833, 3.0: 3.9375}
"""Mean number of samples that LTS4/SparseFool 958e2bf changes, by lambda, with 4 classes; it fools all clips."""


@CASES
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_changes_few_more_samples_than_necessary(settings, classes, waveforms):
    check_fewest_samples("sparsefool", classes, waveforms, **settings)


@CASES
def test_returns_the_best_within_the_budget_where_the_fewest_do_not_fit(settings, waveforms):
    check_fewest_within_budget("sparsefool", waveforms, **settings)


def test_takes_no_more_gradients_than_steps(small_model, clips):
    assert 0 < gradients_of_12_steps("sparsefool", small_model, clips) <= 12 * 3


def test_a_clip_that_already_fools_the_model_stays(small_model, clips):
    check_fooled_clips_stay("sparsefool", small_model, clips)


def test_a_flat_model_does_no_harm(clips):
    check_flat_model("sparsefool", clips, steps=8)


def test_memory_is_linear_in_the_length_of_the_clip():
    check_memory_is_linear("sparsefool")


def test_the_preset_has_the_published_settings():
    paper = create_attack("sparsefool", preset="paper")
    assert (paper.rounds, paper.push, paper.overshoot, paper.thinned) == (20, 10.0, 0.02, False)


@pytest.mark.parametrize(
    ("settings", "message"), [({"steps": 0}, "steps.* of 1 or more"), ({"push": 0.5}, "push of 1 or more")]
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("sparsefool", **settings)


def test_cannot_be_targeted():
    assert not ATTACKS["sparsefool"].targetable


@pytest.mark.parametrize("push", AUTHORS)
def test_changes_as_few_samples_as_the_authors_code(push, mlp, mlp_clips):
    labels = mlp(mlp_clips).argmax(1)
    for thinned in (False, True):
        attack = create_attack("sparsefool", push=push, thinned=thinned, **UNBOUNDED)
        adversarial = attack(mlp, mlp_clips, labels)
        assert (mlp(adversarial).argmax(1) != labels).all()
        assert changed(adversarial, mlp_clips).float().mean() <= AUTHORS[push]


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_changes_as_few_samples_as_torchattacks(mlp, mlp_clips):
    torchattacks = pytest.importorskip("torchattacks", exc_type=ImportError)
    labels = mlp(mlp_clips).argmax(1)
    theirs = 2 * torchattacks.SparseFool(Images(mlp), steps=20, lam=3)((mlp_clips + 1) / 2, labels) - 1
    ours = create_attack("sparsefool", **UNBOUNDED)(mlp, mlp_clips, labels)
    fooled = mlp(theirs).argmax(1) != labels
    assert (mlp(ours).argmax(1) != labels)[fooled].all()
    assert changed(ours, mlp_clips)[fooled].float().mean() <= changed(theirs, mlp_clips)[fooled].float().mean()
