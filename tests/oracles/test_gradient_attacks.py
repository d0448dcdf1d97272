"""Dense gradient attacks beside other libraries': at equal budgets and steps ours are at least as strong."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from staanet.attacks import create_attack
from staanet.core.classifier import margin
from staanet.core.seeds import seeded

SIZE, CLASSES = 256, 4
EPSILON, STEPS = 0.07, 20
RADIUS = 0.8
BALL = {"norm": "l2", "epsilon": 1.0, "rms": RADIUS / SIZE**0.5}
"""A ball that epsilon does not reach into."""


def tones(number):
    """Noisy tones `[number, SIZE]` of four pitches, and which one each has."""
    labels = torch.arange(number) % CLASSES
    pitch = torch.tensor([4.0, 6.0, 9.0, 13.0])[labels] * (1 + 0.1 * torch.randn(number))
    phase = 2 * torch.pi * (pitch[:, None] * torch.arange(SIZE) / SIZE + torch.rand(number, 1))
    return (0.4 * phase.sin() + 0.1 * torch.randn(number, SIZE)).clamp(-1, 1), labels


@pytest.fixture(scope="module")
def model():
    """A small network of waveforms, trained on tones."""
    with seeded("victim"):
        network = nn.Sequential(
            nn.Unflatten(1, (1, SIZE)),
            nn.Conv1d(1, 8, 15, stride=4),
            nn.ELU(),
            nn.Conv1d(8, 16, 9, stride=4),
            nn.ELU(),
            nn.AdaptiveAvgPool1d(4),
            nn.Flatten(),
            nn.Linear(64, CLASSES),
        )
        waveforms, labels = tones(256)
        optimiser = torch.optim.Adam(network.parameters(), 1e-2)
        for _ in range(60):
            optimiser.zero_grad()
            functional.cross_entropy(network(waveforms), labels).backward()
            optimiser.step()
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def clips(model):
    with seeded("clips"):
        waveforms, labels = tones(40)
    predicted = model(waveforms).argmax(1)
    assert (predicted == labels).float().mean() > 0.8
    return waveforms, predicted


@pytest.fixture
def art_model(model):
    estimators = pytest.importorskip("art.estimators.classification")
    return estimators.PyTorchClassifier(
        model, nn.CrossEntropyLoss(), (SIZE,), CLASSES, clip_values=(-1, 1), device_type="cpu"
    )


@pytest.fixture
def foolbox_model(model):
    return pytest.importorskip("foolbox").PyTorchModel(model, bounds=(-1, 1))


def by_art(name, art_model, clips, **settings):
    attacks = pytest.importorskip("art.attacks.evasion")
    waveforms, labels = clips
    np.random.seed(0)  # noqa: NPY002 (that library draws from it)
    attack = getattr(attacks, name)(art_model, batch_size=len(labels), **settings)
    return torch.from_numpy(attack.generate(waveforms.numpy(), functional.one_hot(labels).numpy()))


def by_foolbox(name, foolbox_model, clips, epsilon, **settings):
    attacks = pytest.importorskip("foolbox").attacks
    with seeded("foolbox"):
        raw, _, _ = getattr(attacks, name)(**settings)(foolbox_model, *clips, epsilons=epsilon)
    return raw


def ours(name, model, clips, **settings):
    return create_attack(name, **{"epsilon": EPSILON, "sparsity": 1.0, **settings})(model, *clips)


def at_least_as_strong(model, clips, mine, theirs, slack=0.02):
    """Every clip that theirs fools ours fools too, but for one, and the margin falls as far on average."""
    labels = clips[1]
    after, before = margin(model(mine), labels), margin(model(theirs), labels)
    assert (after < 0).sum() >= (before < 0).sum()
    assert ((before < 0) & (after >= 0)).sum() <= 1
    fall = margin(model(clips[0]), labels)
    assert (fall - after).mean() >= (1 - slack) * (fall - before).mean()


def as_small(model, clips, mine, theirs, order, slack):
    """All that theirs fools is fooled by ours with changes that are no larger on average."""
    waveforms, labels = clips
    both = model(theirs).argmax(1) != labels
    assert both.float().mean() > 0.5
    assert (model(mine).argmax(1) != labels)[both].all()
    sizes = [(found - waveforms)[both].norm(order, dim=1).mean() for found in (mine, theirs)]
    assert sizes[0] <= (1 + slack) * sizes[1]


def test_fgsm_has_the_signs_that_double_precision_has(model, clips):
    waveforms, labels = clips
    points = waveforms.double().requires_grad_()
    functional.cross_entropy(copy.deepcopy(model).double()(points), labels, reduction="sum").backward()
    assert ((ours("fgsm", model, clips) - waveforms).sign() == points.grad.sign()).float().mean() > 0.999


@pytest.mark.parametrize(("settings", "theirs"), [({}, {"eps": EPSILON}), (BALL, {"eps": RADIUS, "norm": 2})])
def test_fgsm_is_arts_where_the_model_is_not_certain(settings, theirs, model, clips, art_model):
    """Elsewhere the gradient of a cross-entropy by log-softmax is rounded off, theirs with it."""
    unsure = model(clips[0]).softmax(1).amax(1) < 0.99
    assert unsure.sum() > 10
    mine = ours("fgsm", model, clips, **settings)
    torch.testing.assert_close(
        mine[unsure], by_art("FastGradientMethod", art_model, clips, **theirs)[unsure], atol=1e-4, rtol=0
    )


@pytest.mark.parametrize(
    ("name", "settings", "other", "theirs"),
    [
        ("bim", {"step_size": 0.1}, "BasicIterativeMethod", {"eps_step": 0.1 * EPSILON, "max_iter": STEPS}),
        (
            "pgd",
            {"step_size": 0.25, "restarts": 1},
            "ProjectedGradientDescent",
            {"eps_step": 0.25 * EPSILON, "max_iter": STEPS, "num_random_init": 1},
        ),
        (
            "apgd",
            {"objective": "cross_entropy", "restarts": 1},
            "AutoProjectedGradientDescent",
            {"eps_step": 2 * EPSILON, "max_iter": STEPS, "nb_random_init": 1, "loss_type": "cross_entropy"},
        ),
    ],
)
def test_ascents_are_as_strong_as_arts(name, settings, other, theirs, model, clips, art_model):
    mine = ours(name, model, clips, steps=STEPS, **settings)
    at_least_as_strong(model, clips, mine, by_art(other, art_model, clips, eps=EPSILON, **theirs))


@pytest.mark.parametrize(
    ("name", "settings", "other"),
    [
        ("bim", {"step_size": 0.1}, "LinfBasicIterativeAttack"),
        ("pgd", {"step_size": 0.1, "restarts": 1}, "LinfPGD"),
        ("bim", {"step_size": 0.1, **BALL}, "L2BasicIterativeAttack"),
        ("pgd", {"step_size": 0.1, "restarts": 1, **BALL}, "L2PGD"),
        ("apgd", {"restarts": 1}, "LinfPGD"),
        ("apgd", {"restarts": 1, **BALL}, "L2PGD"),
    ],
)
def test_ascents_are_as_strong_as_foolboxs(name, settings, other, model, clips, foolbox_model):
    epsilon = RADIUS if "norm" in settings else EPSILON
    theirs = by_foolbox(other, foolbox_model, clips, epsilon, steps=STEPS, rel_stepsize=0.1)
    at_least_as_strong(model, clips, ours(name, model, clips, steps=STEPS, **settings), theirs)


@pytest.mark.parametrize(("norm", "order"), [("l2", 2), ("linf", torch.inf)])
def test_deepfool_comes_as_near_as_foolboxs(norm, order, model, clips, foolbox_model):
    name = "L2DeepFoolAttack" if norm == "l2" else "LinfDeepFoolAttack"
    theirs = by_foolbox(name, foolbox_model, clips, None, steps=50, overshoot=0.02)
    mine = ours("deepfool", model, clips, norm=norm, epsilon=1.0)
    as_small(model, clips, mine, theirs, order, slack=0.02)


def test_deepfool_comes_as_near_as_arts(model, clips, art_model):
    theirs = by_art("DeepFool", art_model, clips, max_iter=50, epsilon=0.02, nb_grads=CLASSES)
    as_small(model, clips, ours("deepfool", model, clips, epsilon=1.0), theirs, 2, slack=0.02)


def test_carlini_and_wagner_come_as_near_as_foolboxs(model, clips, foolbox_model):
    few = tuple(part[:16] for part in clips)
    settings = {"binary_search_steps": 6, "steps": 50, "stepsize": 0.01}
    theirs = by_foolbox("L2CarliniWagnerAttack", foolbox_model, few, None, **settings)
    as_small(model, few, ours("cw_l2", model, few, rounds=6, steps=50, epsilon=1.0), theirs, 2, slack=0.02)


@pytest.mark.slow
def test_carlini_and_wagners_largest_change_is_no_larger_than_arts(model, clips, art_model):
    few = tuple(part[:6] for part in clips)
    theirs = by_art("CarliniLInfMethod", art_model, few, max_iter=10, learning_rate=0.01)
    as_small(model, few, ours("cw_linf", model, few, epsilon=1.0), theirs, torch.inf, slack=0.02)
