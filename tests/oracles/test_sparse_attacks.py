"""Sparse attacks beside other libraries' and their authors' own code: at equal budgets at least as strong."""

import pytest
import torch
from torch import nn

from staanet.attacks import create_attack
from staanet.core.seeds import seeded

SIZE, CLIPS = 256, 48
BUDGET = {"epsilon": 0.2, "sparsity": 12 / SIZE}
WHOLE = {"epsilon": 2.0, "sparsity": 1.0}
FEW = 4 / SIZE

# What the authors' code made of the clips and the model below (pictures in [0, 1] there: x = 2 p - 1, epsilon halved).
FOOLED = {  # of 48, within BUDGET, 50 gradients
    ("spgd", "unprojected"): 37,  # CityU-MLO/sPGD 6624853, alpha = beta = 0.25
    ("spgd", "projected"): 34,
    ("pgd0", None): 37,  # fra31/sparse-imperceivable-attacks 57c23ea, step 120000 / 255, the strongest of three
}
SIGMA_ZERO = 1.4375  # changed samples, mean: jeromerony/adversarial-library 9dec220, 100 steps, all fooled
SPARSEFOOL = {1.0: 1.5833, 3.0: 3.9375}  # likewise by lambda: LTS4/SparseFool 958e2bf, 4 classes, all fooled


@pytest.fixture
def model():
    with seeded("victim"):
        layers = nn.Sequential(nn.Linear(SIZE, 32), nn.Tanh(), nn.Linear(32, 4))
    return layers.requires_grad_(False).eval()


@pytest.fixture
def waveforms():
    with seeded("clips"):
        return torch.rand(CLIPS, SIZE) - 0.5


class Pictures(nn.Module):
    """A model of waveforms as one of pictures in [0, 1]."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pictures):
        return self.model(2 * pictures.flatten(1).float() - 1)


def changed(adversarial, waveforms):
    return ((adversarial - waveforms).abs() > 1e-6).sum(1)


@pytest.mark.parametrize(("name", "gradient"), FOOLED)
def test_fools_as_many_as_the_authors_code(name, gradient, model, waveforms):
    labels = model(waveforms).argmax(1)
    settings = {} if gradient is None else {"gradient": gradient}
    adversarial = create_attack(name, steps=50, **settings, **BUDGET)(model, waveforms, labels)
    assert (model(adversarial).argmax(1) != labels).sum() >= FOOLED[name, gradient]


def test_sparse_pgd_fools_as_many_as_the_best_of_them(model, waveforms):
    labels = model(waveforms).argmax(1)
    adversarial = create_attack("sparse_pgd", steps=50, **BUDGET)(model, waveforms, labels)
    assert (model(adversarial).argmax(1) != labels).sum() >= max(FOOLED.values())


@pytest.mark.parametrize("step_size", [0.5, 1.0])
def test_sigma_zero_changes_as_few_samples_as_the_authors_code(step_size, model, waveforms):
    labels = model(waveforms).argmax(1)
    adversarial = create_attack("sigma_zero", steps=100, step_size=step_size, **WHOLE)(model, waveforms, labels)
    assert (model(adversarial).argmax(1) != labels).all()
    assert changed(adversarial, waveforms).float().mean() <= 1.05 * SIGMA_ZERO


@pytest.mark.parametrize("push", SPARSEFOOL)
def test_sparsefool_changes_as_few_samples_as_the_authors_code(push, model, waveforms):
    labels = model(waveforms).argmax(1)
    for thinned in (False, True):
        attack = create_attack("sparsefool", push=push, thinned=thinned, **WHOLE)
        adversarial = attack(model, waveforms, labels)
        assert (model(adversarial).argmax(1) != labels).all()
        assert changed(adversarial, waveforms).float().mean() <= SPARSEFOOL[push]


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_sparsefool_beside_torchattacks(model, waveforms):
    torchattacks = pytest.importorskip("torchattacks", exc_type=ImportError)
    labels = model(waveforms).argmax(1)
    theirs = 2 * torchattacks.SparseFool(Pictures(model), steps=20, lam=3)((waveforms + 1) / 2, labels) - 1
    ours = create_attack("sparsefool", **WHOLE)(model, waveforms, labels)
    fooled = model(theirs).argmax(1) != labels
    assert (model(ours).argmax(1) != labels)[fooled].all()
    assert changed(ours, waveforms)[fooled].float().mean() <= changed(theirs, waveforms)[fooled].float().mean()


@pytest.mark.parametrize("theta", [1.0, 0.5])
def test_jsma_beside_torchattacks(theta, model, waveforms):
    """Theirs searches all pairs of samples in each step; with a negative theta it finds none."""
    torchattacks = pytest.importorskip("torchattacks", exc_type=ImportError)
    labels = model(waveforms).argmax(1)
    goals = (labels + 1) % 4
    attack = torchattacks.JSMA(Pictures(model), theta=theta / 2, gamma=FEW)
    attack.set_mode_targeted_by_function(lambda _, labels: (labels + 1) % 4)
    theirs = 2 * attack((waveforms + 1) / 2, labels) - 1
    settings = {"theta": theta, "steps": 2, "samples": 2, "targeted": True, "epsilon": 2.0, "sparsity": FEW}
    ours = create_attack("jsma", **settings)(model, waveforms, goals)
    reached = model(theirs).argmax(1) == goals
    assert 4 < reached.sum() < CLIPS
    assert (model(ours).argmax(1) == goals).sum() >= reached.sum()


@pytest.mark.parametrize("theta", [0.1, -0.1])
def test_jsma_beside_art(theta, model, waveforms):
    """A step that a bound cuts short ranks lower here, so that sizes differ while the samples are the same."""
    pytest.importorskip("art")
    from art.attacks.evasion import SaliencyMapMethod
    from art.estimators.classification import PyTorchClassifier

    labels = model(waveforms).argmax(1)
    goals = (labels + 1) % 4
    estimator = PyTorchClassifier(
        nn.Sequential(model, nn.Softmax(1)), nn.CrossEntropyLoss(), (SIZE,), 4, clip_values=(-1.0, 1.0)
    )
    method = SaliencyMapMethod(estimator, theta=theta, gamma=FEW, verbose=False)
    theirs = torch.from_numpy(method.generate(waveforms.numpy(), goals.numpy()))
    most = int(changed(theirs, waveforms).max())  # it ends with the step that leaves gamma behind
    settings = {"theta": theta, "samples": 2, "steps": 99, "targeted": True, "epsilon": 2.0, "sparsity": most / SIZE}
    ours = create_attack("jsma", **settings)(model, waveforms, goals)
    as_theirs = create_attack("jsma", preset="systematic", **settings)(model, waveforms, goals)
    reached = model(theirs).argmax(1) == goals
    assert 4 < reached.sum() < CLIPS
    assert (model(ours).argmax(1) == goals).sum() >= reached.sum()
    assert (model(as_theirs).argmax(1) == goals)[reached].all()
    alike = ((as_theirs != waveforms) == (theirs != waveforms)).all(1)
    assert alike[reached].float().mean() >= 0.8
