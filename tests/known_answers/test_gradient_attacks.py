"""Linear models: the furthest fall of the margin in a box or ball, and the least change that flips, in closed form."""

import pytest
import torch

from linear import SIZE, fall, linear
from staanet.attacks import create_attack
from staanet.core.classifier import margin

EPSILON, RMS = 0.02, 0.25

BOUNDED = {"fgsm": {}, "bim": {"steps": 25}, "pgd": {"steps": 25, "step_size": 0.2}, "apgd": {"steps": 25}}
MINIMAL = {
    "deepfool": ("l2", {"norm": "l2"}, 1.03),
    "deepfool linf": ("linf", {"norm": "linf"}, 1.03),
    "cw_l2": ("l2", {"rounds": 6, "steps": 50}, 1.1),
    "cw_l2 systematic": ("l2", {"preset": "systematic"}, 1.25),
    "cw_linf": ("linf", {"rounds": 6, "steps": 50}, 1.1),
    "cw_linf systematic": ("linf", {"preset": "systematic"}, 1.25),
}
DUAL = {"l2": 2, "linf": 1}


def least(weights, waveforms, labels, norm):
    """The least change over rival classes: the gap of the logits over the dual norm of the weights' difference."""
    logits = waveforms @ weights
    gaps = logits.gather(1, labels[:, None]) - logits
    slopes = (weights[:, labels].T[:, :, None] - weights).norm(DUAL[norm], dim=1)
    return torch.where(slopes > 0, gaps / slopes, torch.inf).amin(1)


def size(change, norm):
    return change.norm(dim=1) if norm == "l2" else change.abs().amax(1)


@pytest.mark.parametrize("sparsity", [1.0, 0.1])
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", BOUNDED)
def test_reaches_the_optimum_within_the_budget(name, norm, sparsity, waveforms):
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    ball = {"norm": "l2", "rms": RMS} if norm == "l2" else {}
    attack = create_attack(name, epsilon=EPSILON, sparsity=sparsity, **ball, **BOUNDED[name])
    adversarial = attack(model, waveforms, labels)
    count = int(sparsity * SIZE)
    largest = (weights[:, 0] - weights[:, 1]).abs().topk(count).values
    best = EPSILON * largest.sum() if norm == "linf" else RMS * EPSILON * count**0.5 * largest.norm()
    found = fall(model, waveforms, adversarial, labels)
    assert found.min() >= (0.999 if name == "fgsm" else 0.95) * best
    assert found.max() <= best + 1e-4
    change = adversarial - waveforms
    assert ((change != 0).sum(1) == count).all()
    assert change.abs().max() <= EPSILON + 1e-6
    if norm == "l2":
        assert (change.square().sum(1) / count).sqrt().max() <= RMS * EPSILON + 1e-6


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("case", MINIMAL)
def test_finds_nearly_the_least_change(case, classes, waveforms):
    norm, settings, bound = MINIMAL[case]
    weights, model = linear(classes)
    labels = model(waveforms).argmax(1)
    attack = create_attack(case.split()[0], epsilon=0.1, sparsity=1.0, **settings)
    adversarial = attack(model, waveforms, labels)
    assert (model(adversarial).argmax(1) != labels).all()
    ratios = size(adversarial - waveforms, norm) / least(weights, waveforms, labels, norm)
    assert ratios.min() >= 1 - 1e-3
    assert ratios.max() <= bound


@pytest.mark.parametrize("case", MINIMAL)
def test_a_minimal_attack_reaches_whatever_the_box_allows_and_nothing_else(case, waveforms):
    _, settings, _ = MINIMAL[case]
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    adversarial = create_attack(case.split()[0], epsilon=EPSILON, sparsity=0.1, **settings)(model, waveforms, labels)
    reach = EPSILON * (weights[:, 0] - weights[:, 1]).abs().topk(SIZE // 10).values.sum()
    needed = margin(model(waveforms), labels)
    found = fall(model, waveforms, adversarial, labels)
    near, far = needed < 0.95 * reach, needed > reach
    assert near.any()
    assert far.any()
    assert (found > needed)[near].all()
    assert (found[far] >= 0.95 * reach).all()
    assert (adversarial - waveforms).abs().max() <= EPSILON + 1e-6


@pytest.mark.parametrize("name", ["bim", "pgd", "apgd", "cw_l2", "cw_linf"])
def test_goes_to_the_target_where_it_can(name, waveforms):
    weights, model = linear(2)
    settings = {**BOUNDED, "cw_l2": {"rounds": 4, "steps": 40}, "cw_linf": {"rounds": 4, "steps": 40}}[name]
    target = model(waveforms).argmin(1)
    attack = create_attack(name, epsilon=EPSILON, sparsity=0.1, targeted=True, **settings)
    hit = model(attack(model, waveforms, target)).argmax(1) == target
    reach = EPSILON * (weights[:, 0] - weights[:, 1]).abs().topk(SIZE // 10).values.sum()
    needed = -margin(model(waveforms), target)
    assert hit[needed < 0.95 * reach].all()
    assert not hit[needed > reach].any()
    assert hit.any()
    assert not hit.all()


@pytest.mark.parametrize("name", ["pgd", "apgd", "cw_l2", "cw_linf"])
def test_goes_to_any_of_five_targets_within_a_wide_box(name, waveforms):
    _, model = linear(5)
    settings = {**BOUNDED, "cw_l2": {"rounds": 4, "steps": 40}, "cw_linf": {"rounds": 4, "steps": 40}}[name]
    target = (model(waveforms).argmax(1) + 1 + torch.arange(16) % 4) % 5
    attack = create_attack(name, epsilon=0.1, sparsity=1.0, targeted=True, **settings)
    assert (model(attack(model, waveforms, target)).argmax(1) == target).all()
