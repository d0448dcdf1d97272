import pytest
import torch

from attacks.behaviour import ZERO, check_restarts, evaluations, hill, steadfast
from attacks.linear import check_dense_optimum, check_five_targets, check_target
from attacks.oracles import BALL, EPSILON, STEPS, by_art, check_as_strong, check_as_strong_as_foolbox, ours
from staanet.attacks import create_attack
from staanet.attacks.apgd import checkpoints
from staanet.core.errors import StaanetError


@pytest.mark.parametrize("sparsity", [1.0, 0.1])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_reaches_the_optimum_within_the_budget(norm, sparsity, waveforms):
    check_dense_optimum("apgd", norm, sparsity, waveforms, steps=25)


def test_reaches_the_target_where_it_can(waveforms):
    check_target("apgd", waveforms, steps=25)


def test_reaches_any_of_five_targets(waveforms):
    check_five_targets("apgd", waveforms, steps=25)


def test_halves_its_steps_where_fixed_ones_overshoot():
    settings = {"epsilon": 0.5, "sparsity": 1.0, "objective": "margin", "steps": 60, "restarts": 1, "step_size": 0.7}
    start = torch.tensor([[0.27]])
    fixed, found = (float(create_attack(name, **settings)(hill, start, ZERO)) for name in ("pgd", "apgd"))
    assert abs(found - 0.51) < 1e-3 < abs(fixed - 0.51)


def test_checks_progress_at_the_published_steps():
    assert list(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    for steps in (1, 2, 7, 20, 1000):
        checks = checkpoints(steps)
        assert all(0 < step < steps for step in checks)
        assert sum(checks.values()) == max(checks, default=0)


def test_only_clips_without_success_restart():
    check_restarts("apgd")


@pytest.mark.parametrize("sparsity", [1.0, 0.5])
def test_costs_what_its_settings_say(sparsity, tiny_waveforms):
    assert evaluations("apgd", tiny_waveforms, sparsity, steps=7, restarts=2) == 2 * (7 + 1) + (sparsity < 1)


def test_dlr_of_two_classes_is_rejected(tiny_waveforms):
    attack = create_attack("apgd", objective="dlr")
    with pytest.raises(StaanetError, match="use margin"):
        attack(steadfast, tiny_waveforms, torch.tensor([0, 0]))


def test_is_as_strong_as_art(tone_model, tone_clips, art_model):
    settings = {"eps_step": 2 * EPSILON, "max_iter": STEPS, "nb_random_init": 1, "loss_type": "cross_entropy"}
    theirs = by_art("AutoProjectedGradientDescent", art_model, tone_clips, eps=EPSILON, **settings)
    mine = ours("apgd", tone_model, tone_clips, steps=STEPS, objective="cross_entropy", restarts=1)
    check_as_strong(tone_model, tone_clips, mine, theirs)


@pytest.mark.parametrize(("settings", "other"), [({}, "LinfPGD"), (BALL, "L2PGD")], ids=["linf", "l2"])
def test_is_as_strong_as_the_pgd_of_foolbox(settings, other, tone_model, tone_clips, foolbox_model):
    check_as_strong_as_foolbox("apgd", other, tone_model, tone_clips, foolbox_model, restarts=1, **settings)


@pytest.mark.parametrize("settings", [{"momentum": 0.5}, {"diversity": 0.5}, {"noise": 1.0}])
def test_settings_of_pgd_that_do_not_fit_are_refused(settings):
    with pytest.raises(StaanetError, match="expected no momentum, diversity and noise for apgd"):
        create_attack("apgd", **settings)
