import pytest

from attacks.behaviour import check_restarts, evaluations
from attacks.linear import check_dense_optimum, check_five_targets, check_target
from attacks.oracles import BALL, EPSILON, STEPS, by_art, check_as_strong, check_as_strong_as_foolbox, ours
from staanet.attacks import create_attack
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError

SETTINGS = {"steps": 25, "step_size": 0.2}


@pytest.mark.parametrize("sparsity", [1.0, 0.1])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_reaches_the_optimum_within_the_budget(norm, sparsity, waveforms):
    check_dense_optimum("pgd", norm, sparsity, waveforms, **SETTINGS)


def test_noise_does_no_harm_to_a_linear_model(waveforms):
    check_dense_optimum("pgd", "linf", 1.0, waveforms, preset="noise_injection")


def test_reaches_the_target_where_it_can(waveforms):
    check_target("pgd", waveforms, **SETTINGS)


def test_reaches_any_of_five_targets(waveforms):
    check_five_targets("pgd", waveforms, **SETTINGS)


def test_only_clips_without_success_restart():
    check_restarts("pgd")


@pytest.mark.parametrize("sparsity", [1.0, 0.5])
def test_costs_what_its_settings_say(sparsity, tiny_waveforms):
    assert evaluations("pgd", tiny_waveforms, sparsity, steps=7, restarts=2) == 2 * (7 + 1) + (sparsity < 1)


def test_the_preset_has_the_published_settings():
    paper = create_attack("pgd", preset="paper", epsilon=0.05, sparsity=0.1)
    assert (paper.steps, paper.step_size, paper.restarts) == (20, 0.25, 1)
    assert paper.budget == Budget(epsilon=0.05, sparsity=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps of 1 or more"),
        ({"restarts": 0}, "restarts of 1 or more"),
        ({"preset": "papers"}, "did you mean 'paper'"),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("pgd", **settings)


def test_is_as_strong_as_art(tone_model, tone_clips, art_model):
    settings = {"eps": EPSILON, "eps_step": 0.25 * EPSILON, "max_iter": STEPS, "num_random_init": 1}
    theirs = by_art("ProjectedGradientDescent", art_model, tone_clips, **settings)
    mine = ours("pgd", tone_model, tone_clips, steps=STEPS, step_size=0.25, restarts=1)
    check_as_strong(tone_model, tone_clips, mine, theirs)


@pytest.mark.parametrize(("settings", "other"), [({}, "LinfPGD"), (BALL, "L2PGD")], ids=["linf", "l2"])
def test_is_as_strong_as_foolbox(settings, other, tone_model, tone_clips, foolbox_model):
    settings = {"step_size": 0.1, "restarts": 1, **settings}
    check_as_strong_as_foolbox("pgd", other, tone_model, tone_clips, foolbox_model, **settings)
