import pytest
import torch
from torch import nn

from attacks.behaviour import (
    check_flat_model,
    check_fooled_clips_stay,
    check_memory_is_linear,
    gradients_of_12_steps,
)
from attacks.linear import (
    EPSILON,
    SPARSE,
    check_fewest_samples,
    check_fewest_within_budget,
    check_sparse_target,
    linear,
)
from attacks.oracles import FEW, SIZE, SPARSE_CLIPS, Images, changed
from staanet.attacks import create_attack
from staanet.core.errors import StaanetError

CASES = pytest.mark.parametrize("settings", [{}, {"saliency": "cross_entropy"}])


@CASES
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_changes_few_more_samples_than_necessary(settings, classes, waveforms):
    check_fewest_samples("jsma", classes, waveforms, **settings)


@CASES
def test_returns_the_best_within_the_budget_where_the_fewest_do_not_fit(settings, waveforms):
    check_fewest_within_budget("jsma", waveforms, **settings)


def test_reaches_the_target_where_it_can(waveforms):
    check_sparse_target("jsma", waveforms)


def test_theta_sets_the_direction_of_all_changes(waveforms):
    _, model = linear(3)
    labels = model(waveforms).argmax(1)
    for theta in (0.005, -0.005):
        change = create_attack("jsma", theta=theta, **SPARSE)(model, waveforms, labels) - waveforms
        assert (change * theta >= 0).all()
        assert (change.abs() > abs(theta) + 1e-6).any()  # more than one step for some samples
        assert change.abs().max() <= EPSILON + 1e-6


def test_the_map_changes_samples_that_raise_the_goal_and_lower_the_others(waveforms):
    weights, model = linear(3)
    goals = (model(waveforms).argmax(1) + 1) % 3
    attack = create_attack("jsma", saliency="map", targeted=True, thinned=False, **SPARSE)
    change = attack(model, waveforms, goals) - waveforms
    goal = weights.T[goals]
    others = weights.sum(1) - goal
    assert (change != 0).any()
    assert (goal * others < 0)[change != 0].all()
    assert (change * goal >= 0).all()


def test_takes_no_more_gradients_than_steps(small_model, clips):
    assert 0 < gradients_of_12_steps("jsma", small_model, clips) <= 12 * 3


def test_a_clip_that_already_fools_the_model_stays(small_model, clips):
    check_fooled_clips_stay("jsma", small_model, clips)


def test_a_flat_model_does_no_harm(clips):
    check_flat_model("jsma", clips, steps=8)


def test_memory_is_linear_in_the_length_of_the_clip():
    check_memory_is_linear("jsma")


def test_the_preset_changes_two_of_its_features_per_step():
    published = create_attack("jsma", preset="systematic")
    assert (published.theta, published.gamma, published.goal) == (1.0, 1.0, "random")
    assert published.steps * published.samples == 128 * 261


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps and samples of 1 or more"),
        ({"theta": 0.0}, "theta other than 0"),
        ({"gamma": 2.0}, "gamma in .0, 1."),
        ({"samples": 0}, "samples of 1 or more"),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("jsma", **settings)


@pytest.mark.parametrize("theta", [1.0, 0.5])
def test_reaches_as_many_targets_as_torchattacks(theta, mlp, mlp_clips):
    """torchattacks searches all pairs of samples in each step; with a negative theta it finds none."""
    torchattacks = pytest.importorskip("torchattacks", exc_type=ImportError)
    labels = mlp(mlp_clips).argmax(1)
    goals = (labels + 1) % 4
    attack = torchattacks.JSMA(Images(mlp), theta=theta / 2, gamma=FEW)
    attack.set_mode_targeted_by_function(lambda _, labels: (labels + 1) % 4)
    theirs = 2 * attack((mlp_clips + 1) / 2, labels) - 1
    settings = {"theta": theta, "steps": 2, "samples": 2, "targeted": True, "epsilon": 2.0, "sparsity": FEW}
    ours = create_attack("jsma", **settings)(mlp, mlp_clips, goals)
    reached = mlp(theirs).argmax(1) == goals
    assert 4 < reached.sum() < SPARSE_CLIPS
    assert (mlp(ours).argmax(1) == goals).sum() >= reached.sum()


@pytest.mark.parametrize("theta", [0.1, -0.1])
def test_changes_the_same_samples_as_art(theta, mlp, mlp_clips):
    """A step that a bound cuts short ranks lower here, so that sizes differ while the samples are the same."""
    pytest.importorskip("art")
    from art.attacks.evasion import SaliencyMapMethod
    from art.estimators.classification import PyTorchClassifier

    goals = (mlp(mlp_clips).argmax(1) + 1) % 4
    estimator = PyTorchClassifier(
        nn.Sequential(mlp, nn.Softmax(1)), nn.CrossEntropyLoss(), (SIZE,), 4, clip_values=(-1.0, 1.0)
    )
    method = SaliencyMapMethod(estimator, theta=theta, gamma=FEW, verbose=False)
    theirs = torch.from_numpy(method.generate(mlp_clips.numpy(), goals.numpy()))
    most = int(changed(theirs, mlp_clips).max())  # ART stops with the step that exceeds gamma
    settings = {"theta": theta, "samples": 2, "steps": 99, "targeted": True, "epsilon": 2.0, "sparsity": most / SIZE}
    ours = create_attack("jsma", **settings)(mlp, mlp_clips, goals)
    as_theirs = create_attack("jsma", preset="systematic", **settings)(mlp, mlp_clips, goals)
    reached = mlp(theirs).argmax(1) == goals
    assert 4 < reached.sum() < SPARSE_CLIPS
    assert (mlp(ours).argmax(1) == goals).sum() >= reached.sum()
    assert (mlp(as_theirs).argmax(1) == goals)[reached].all()
    alike = ((as_theirs != mlp_clips) == (theirs != mlp_clips)).all(1)
    assert alike[reached].float().mean() >= 0.8
