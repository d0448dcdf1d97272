"""Attacks of other libraries as attacks of this one, and models and attacks of this one as theirs."""

import logging
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from staanet.attacks import create_attack
from staanet.attacks.bridges import as_art_attack, as_art_classifier, as_foolbox_model
from staanet.core.classifier import margin
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.core.settings import validated
from staanet.core.signature import signature, to_jsonable
from staanet.models import create_model

EPSILON, STEPS, SIZE = 0.05, 10, 256

pytest.importorskip("art")


def art(attack_class, targeted=False, epsilon=EPSILON, sparsity=1.0, **parameters):
    budget = {"epsilon": epsilon, "sparsity": sparsity}
    return create_attack("art", attack_class=attack_class, parameters=parameters, targeted=targeted, **budget)


@pytest.fixture(scope="module")
def model():
    with seeded("victim"):
        return nn.Sequential(nn.Linear(SIZE, 32), nn.Tanh(), nn.Linear(32, 4)).eval()


@pytest.fixture(scope="module")
def recurrent():
    """A model with an LSTM, for whose gradients cuDNN needs the training mode."""
    with seeded("victim"):
        return create_model("zhao19", labels="abcd", seconds=SIZE / 16_000)


@pytest.fixture(scope="module")
def clips(model):
    """Clips of one length, and the predictions of the model."""
    with seeded("clips"):
        waveforms = torch.rand(8, SIZE) - 0.5
    return waveforms, model(waveforms).argmax(1)


@pytest.fixture(scope="module")
def others(model, clips):
    """The second most likely classes."""
    logits = model(clips[0]).detach()
    return logits.scatter(1, clips[1][:, None], -torch.inf).argmax(1)


def test_arts_classifier_has_the_logits_of_the_model(recurrent, clips):
    waveforms, _ = clips
    classifier = as_art_classifier(recurrent)
    assert classifier.input_shape == (SIZE,)
    assert classifier.nb_classes == 4
    assert classifier.clip_values.tolist() == [-1, 1]
    logits = recurrent(waveforms).detach()
    for shape in ((-1, SIZE), (-1, 1, SIZE), (-1, 1, 1, SIZE)):
        theirs = classifier.predict(waveforms.numpy().astype(np.float64).reshape(shape))
        torch.testing.assert_close(torch.from_numpy(theirs), logits, atol=1e-5, rtol=0)


def test_arts_gradient_is_ours_and_leaves_the_model_unchanged(recurrent, clips):
    waveforms, labels = clips
    one_hot = functional.one_hot(labels, 4).numpy()
    points = waveforms.clone().requires_grad_()
    (expected,) = torch.autograd.grad(functional.cross_entropy(recurrent(points), labels, reduction="sum"), points)
    recurrent.train()
    try:
        classifier = as_art_classifier(recurrent)
        first, second = (len(labels) * classifier.loss_gradient(waveforms.numpy(), one_hot) for _ in range(2))
        assert all(part.training for part in recurrent.modules())
    finally:
        recurrent.eval()
    assert all(parameter.requires_grad and parameter.grad is None for parameter in recurrent.parameters())
    assert (first == second).all()
    torch.testing.assert_close(torch.from_numpy(first), expected, atol=1e-6, rtol=1e-3)


def test_arts_own_attack_runs_on_a_model(model, clips):
    evasion = pytest.importorskip("art.attacks.evasion")
    waveforms, labels = clips
    attack = evasion.FastGradientMethod(as_art_classifier(model, SIZE), eps=EPSILON)
    theirs = torch.from_numpy(attack.generate(waveforms.numpy(), labels.numpy()))
    assert (margin(model(theirs), labels) < margin(model(waveforms), labels)).all()
    torch.testing.assert_close(theirs, art("FastGradientMethod")(model, waveforms, labels), atol=1e-6, rtol=0)


def test_a_model_without_a_trained_length_needs_a_size():
    with pytest.raises(StaanetError, match=r"expected the samples of a clip .* give size"):
        as_art_classifier(lambda waveforms: waveforms[:, :3])

    class Narrow:
        bounds = (0.0, 0.5)

        def __call__(self, waveforms):
            return waveforms[:, :3]

    classifier = as_art_classifier(Narrow(), size=16)
    assert classifier.nb_classes == 3
    assert classifier.clip_values.tolist() == [0, 0.5]


def test_foolboxs_attack_runs_on_a_model(recurrent, clips):
    attacks = pytest.importorskip("foolbox.attacks")
    waveforms, labels = clips
    ours = create_attack("fgsm", epsilon=EPSILON)(recurrent, waveforms, labels)
    logits = recurrent(waveforms)
    recurrent.train()
    try:
        model = as_foolbox_model(recurrent)
        torch.testing.assert_close(model(waveforms), logits, atol=1e-5, rtol=0)
        theirs, _, _ = attacks.LinfFastGradientAttack()(model, waveforms, labels, epsilons=EPSILON)
        assert all(part.training for part in recurrent.modules())
    finally:
        recurrent.eval()
    assert tuple(model.bounds) == (-1, 1)
    assert ((theirs - ours).abs() < 1e-6).float().mean() > 0.999
    assert all(parameter.grad is None for parameter in recurrent.parameters())


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
        ({"parameters": {"norm": float("inf")}}, 'expected a finite norm, got inf; write "inf"'),
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


@pytest.mark.parametrize(
    ("package", "bridge"),
    [
        ("art", lambda model: as_art_classifier(model, SIZE)),
        ("art", lambda model: as_art_attack(create_attack("fgsm"), model)),
        ("art", lambda _: create_attack("art", attack_class="VirtualAdversarialMethod")),
        ("foolbox", as_foolbox_model),
    ],
)
def test_a_missing_extra_is_reported(package, bridge, model, monkeypatch):
    for name in {package, *(name for name in sys.modules if name.split(".")[0] == package)}:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(StaanetError, match=rf"the package {package}.*, found none; install staanet\[{package}\]"):
        bridge(model)


def test_our_attack_as_arts_gives_the_same_audio(model, clips):
    waveforms, labels = clips
    ours = create_attack("fgsm", epsilon=EPSILON)
    bridged = as_art_attack(ours, as_art_classifier(model, SIZE), batch_size=3)
    expected = ours(model, waveforms, labels)
    one_hot = functional.one_hot(labels, 4).numpy()
    for given in (labels.numpy(), labels.numpy()[:, None], one_hot, one_hot.astype(np.float32), None):
        found = bridged.generate(waveforms.numpy(), given) if given is not None else bridged.generate(waveforms.numpy())
        torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-6, rtol=0)
    found = bridged.generate(x=waveforms.numpy()[:, None], y=one_hot)
    assert found.shape == (8, 1, SIZE)
    assert found.dtype == np.float32


def test_the_seed_of_a_bridged_attack_counts(model, clips):
    waveforms, labels = clips
    noise = create_attack("noise", epsilon=EPSILON, sparsity=0.1)
    first, second = (
        as_art_attack(noise, as_art_classifier(model, SIZE), seed=seed).generate(waveforms.numpy(), labels.numpy())
        for seed in (0, 1)
    )
    assert (first == noise(model, waveforms, labels).numpy()).all()
    assert (first != second).any()


def test_a_targeted_attack_of_ours_is_targeted_there(model, clips, others):
    waveforms, _ = clips
    ours = create_attack("fgsm", epsilon=EPSILON, targeted=True)
    bridged = as_art_attack(ours, as_art_classifier(model, SIZE))
    assert bridged.targeted
    found = torch.from_numpy(bridged.generate(waveforms.numpy(), others.numpy()))
    torch.testing.assert_close(found, ours(model, waveforms, others), atol=1e-6, rtol=0)
    with pytest.raises(StaanetError, match="expected labels y for a targeted attack"):
        bridged.generate(waveforms.numpy())


def test_a_classifier_of_arts_own_keeps_its_preprocessing_and_bounds():
    classification = pytest.importorskip("art.estimators.classification")
    network = nn.Linear(16, 3)
    settings = {"preprocessing": (0.5, 2.0), "clip_values": (0.0, 1.0), "device_type": "cpu"}
    classifier = classification.PyTorchClassifier(network, nn.CrossEntropyLoss(), (1, 1, 16), 3, **settings)
    flat = nn.Sequential(nn.Flatten(), network)
    classifier._model._model = flat
    with seeded("clips"):
        clips = torch.rand(4, 16) * 0.1
    labels = flat((clips - 0.5) / 2).argmax(1)

    class Plain:
        bounds = (0.0, 1.0)

        def __call__(self, waveforms):
            return flat((waveforms - 0.5) / 2)

    ours = create_attack("fgsm", epsilon=0.1)
    found = as_art_attack(ours, classifier).generate(clips.reshape(4, 1, 1, 16).numpy(), labels.numpy())
    torch.testing.assert_close(torch.from_numpy(found).reshape(4, 16), ours(Plain(), clips, labels))
    assert found.min() >= 0
    assert network.weight.grad is None


def test_an_estimator_that_cannot_be_attacked_is_rejected(model):
    classification = pytest.importorskip("art.estimators.classification")
    fgsm = create_attack("fgsm")
    with pytest.raises(
        StaanetError, match="expected a PyTorchClassifier of ART, got Sequential; see as_art_classifier"
    ):
        as_art_attack(fgsm, model)
    endless = classification.PyTorchClassifier(nn.Linear(4, 2), nn.CrossEntropyLoss(), (4,), 2, device_type="cpu")
    with pytest.raises(StaanetError, match="expected an estimator with clip_values"):
        as_art_attack(fgsm, endless)


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
    attack = plan.attack("their_pgd")
    assert attack.parameters == {"max_iter": 3}
    assert (attack.budget.snr_db, attack.budget.sparsity) == (20.0, 0.5)
    assert signature(to_jsonable(attack)) != signature(
        to_jsonable(create_attack("art", attack_class="ProjectedGradientDescent"))
    )
