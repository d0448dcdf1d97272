import logging

import numpy as np
import pytest
import torch

from attacks.bridges.helpers import EPSILON, SIZE, art
from staanet.attacks import create_attack
from staanet.core.classifier import margin
from staanet.core.errors import StaanetError
from staanet.core.settings import validated
from staanet.core.signature import signature, to_jsonable

pytest.importorskip("art")

STEPS = 10


@pytest.mark.parametrize("targeted", [False, True])
def test_fgsm_is_the_same_from_both(model, clips, others, targeted):
    waveforms, labels = clips
    goals = others if targeted else labels
    theirs = art("FastGradientMethod", targeted)(model, waveforms, goals)
    ours = create_attack("fgsm", epsilon=EPSILON, targeted=targeted)(model, waveforms, goals)
    torch.testing.assert_close(theirs, ours, atol=1e-6, rtol=0)


@pytest.mark.parametrize("sparsity", [1.0, 0.1])
@pytest.mark.parametrize("targeted", [False, True])
def test_our_pgd_is_as_strong_as_arts_on_the_same_clips(model, clips, others, targeted, sparsity):
    waveforms, labels = clips
    goals = others if targeted else labels
    own = {"max_iter": STEPS, "eps_step": EPSILON / 4, "num_random_init": 1}
    theirs = art("ProjectedGradientDescent", targeted, sparsity=sparsity, **own)(model, waveforms, goals)
    ours = create_attack(
        "pgd", epsilon=EPSILON, sparsity=sparsity, steps=STEPS, step_size=0.25, restarts=1, targeted=targeted
    )(model, waveforms, goals)
    before, *after = (margin(model(found), goals) * (-1 if targeted else 1) for found in (waveforms, theirs, ours))
    assert (after[0] < before).all()
    assert (after[1] < 0).sum() >= (after[0] < 0).sum()
    assert (before - after[1]).mean() >= 0.98 * (before - after[0]).mean()


def test_eps_is_each_clips_own(model, clips):
    waveforms, labels = clips
    loud = waveforms * torch.linspace(0.1, 1, 8)[:, None]
    attack = create_attack("art", attack_class="FastGradientMethod", snr_db=40.0)
    change = (attack(model, loud, labels) - loud).abs().amax(1)
    torch.testing.assert_close(change, loud.abs().amax(1) / 100, atol=1e-6, rtol=0)
    assert torch.equal(attack(model, loud * 0, labels), loud * 0)


def test_for_the_norm_2_eps_is_that_of_the_largest_change(model, clips):
    waveforms, labels = clips
    change = art("FastGradientMethod", norm=2)(model, waveforms, labels) - waveforms
    assert change.abs().max() <= EPSILON + 1e-6
    small = art("FastGradientMethod", norm=2, eps=EPSILON)(model, waveforms, labels) - waveforms
    torch.testing.assert_close(small.norm(dim=1), torch.full((8,), EPSILON), atol=1e-5, rtol=0)
    assert change.norm(dim=1).min() > 5 * EPSILON


def test_what_leaves_the_budget_is_cut(model, clips):
    waveforms, labels = clips
    change = art("FastGradientMethod", eps=0.3, sparsity=0.1)(model, waveforms, labels) - waveforms
    assert change.abs().max() <= EPSILON + 1e-6
    assert ((change != 0).sum(1) == SIZE // 10).all()


def test_a_sparse_budget_takes_the_samples_of_the_largest_gradient(model, clips):
    waveforms, labels = clips
    theirs = art("FastGradientMethod", sparsity=0.05)(model, waveforms, labels)
    ours = create_attack("fgsm", epsilon=EPSILON, sparsity=0.05)(model, waveforms, labels)
    torch.testing.assert_close(theirs, ours, atol=1e-6, rtol=0)


def test_labels_are_those_given_and_not_the_models_own(model, clips, others):
    waveforms, labels = clips
    given = art("FastGradientMethod")(model, waveforms, others)
    assert (margin(model(given), others) < margin(model(waveforms), others)).all()
    assert not torch.equal(given, art("FastGradientMethod")(model, waveforms, labels))


@pytest.mark.parametrize("attack_class", ["DeepFool", "UniversalPerturbation"])
def test_what_is_decided_as_wanted_stays_so(model, clips, others, attack_class):
    waveforms, labels = clips
    found = art(attack_class, epsilon=0.5, max_iter=20)(model, waveforms, labels)
    assert (model(found).argmax(1) != labels).any()
    found = art(attack_class, epsilon=0.5, max_iter=20)(model, waveforms, others)
    assert (model(found).argmax(1) != others).all()


def test_a_class_that_only_goes_towards_labels_leaves_one_for_the_second_guess(model, clips, others):
    waveforms, labels = clips
    away = art("SaliencyMapMethod", theta=EPSILON, gamma=0.1)(model, waveforms, labels)
    towards = art("SaliencyMapMethod", True, theta=EPSILON, gamma=0.1)(model, waveforms, others)
    assert torch.equal(away, towards)
    assert (margin(model(away), labels) < margin(model(waveforms), labels)).all()


@pytest.mark.parametrize(
    ("attack_class", "parameters"),
    [
        ("AutoProjectedGradientDescent", {"max_iter": 3, "nb_random_init": 1}),
        ("BoundaryAttack", {"max_iter": 2, "num_trial": 2, "sample_size": 2}),
        ("HopSkipJump", {"max_iter": 1, "max_eval": 10, "init_eval": 5}),
        ("CarliniL2Method", {"max_iter": 2, "binary_search_steps": 2}),
        ("PixelAttack", {"th": 2, "es": 1, "max_iter": 1}),
    ],
)
def test_other_attacks_of_art_work_and_repeat(model, clips, attack_class, parameters):
    waveforms, labels = (part[:2] for part in clips)
    attack = art(attack_class, epsilon=0.1, **parameters)
    found = attack(model, waveforms, labels)
    np.random.seed(5)  # noqa: NPY002
    assert torch.equal(found, attack(model, waveforms, labels))
    drawn = np.random.get_state()[1]  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    assert (drawn == np.random.get_state()[1]).all()  # noqa: NPY002
    assert (found - waveforms).abs().max() <= 0.1 + 1e-6


def test_arts_progress_is_not_logged(model, clips, caplog):
    waveforms, labels = clips
    caplog.set_level(logging.INFO)
    art("ProjectedGradientDescent", max_iter=1)(model, waveforms, labels)
    assert not caplog.records
    assert not logging.getLogger("art").level


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attack_class": "FastGradientMetod"}, "did you mean 'FastGradientMethod'"),
        ({"attack_class": "EvasionAttack"}, "expected a class of ART from "),
        ({"attack_class": "DecisionTreeAttack"}, "DecisionTreeAttack: expected a class .* suit a classifier of wavef"),
        ({"attack_class": "ImperceptibleASRPyTorch"}, "expected a class .* suit a classifier of waveforms"),
        ({"attack_class": "DeepFool", "targeted": True}, "that can be targeted, got DeepFool; remove targeted"),
        ({"parameters": {"epss": 0.1}}, "expected a parameter from .*; got 'epss'; did you mean 'eps'"),
        ({"parameters": {"targeted": True}}, "expected a parameter from .*; got 'targeted'"),
        ({"parameters": {"norm": float("inf")}}, "got parameters.norm: the number inf"),
        ({"parameters": {"norm": "large"}}, "FastGradientMethod: expected .* got {'norm': 'large'}"),
        ({"parameters": {"eps": -1.0}}, "FastGradientMethod: expected .* got {'eps': -1.0}"),
    ],
)
def test_settings_that_cannot_work_are_rejected_at_once(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("art", **{"attack_class": "FastGradientMethod", **settings})


def test_a_class_is_required():
    with pytest.raises(StaanetError, match="expected the key 'attack_class', found none"):
        create_attack("art")


@pytest.mark.parametrize(
    ("attack_class", "message"),
    [
        ("SquareAttack", "got ValueError on a clip of 256 samples: high <= 0"),
        ("SimBA", "got ValueError on a clip of 256 samples: This attack requires an estimator predicting probabil"),
    ],
)
def test_an_attack_that_wants_something_else_says_so(model, clips, attack_class, message):
    waveforms, labels = clips
    with pytest.raises(StaanetError, match=f"{attack_class}: expected a class of ART that works on .* {message}"):
        art(attack_class)(model, waveforms, labels)


def test_an_experiment_names_an_attack_of_arts():
    from staanet.study.experiment import Experiment

    plan = validated(
        Experiment,
        {
            "corpus": {"name": "synthetic"},
            "models": {"small": {"model": "emo18"}},
            "budget": {"snr_db": 20.0},
            "attacks": {
                "their_pgd": {
                    "attack": "art",
                    "attack_class": "ProjectedGradientDescent",
                    "parameters": {"max_iter": 3},
                    "sparsity": 0.5,
                }
            },
        },
        "experiment.toml",
    )
    attack = plan.attack_plans["their_pgd"].build()
    assert attack.parameters == {"max_iter": 3}
    assert (attack.budget.snr_db, attack.budget.sparsity) == (20.0, 0.5)
    assert signature(to_jsonable(attack)) != signature(
        to_jsonable(create_attack("art", attack_class="ProjectedGradientDescent"))
    )
