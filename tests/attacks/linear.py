"""Known answers: linear models, on which the best that an attack can do is known in closed form.

A `check_...` function runs one attack on such models and compares the result with the optimum.
"""

import torch

from staanet.attacks import create_attack
from staanet.attacks.components.objectives import crossing
from staanet.core.classifier import margin
from staanet.core.seeds import seeded

SIZE = 640
EPSILON, SPARSITY, RMS = 0.02, 0.1, 0.25
COUNT = int(SPARSITY * SIZE)
SPARSE = {"epsilon": EPSILON, "sparsity": SPARSITY}
DUAL = {"l2": 2, "linf": 1}


def linear(classes):
    """Return weights [T, K] and the model that they define."""
    with seeded("weights", classes):
        weights = torch.randn(SIZE, classes)
    return weights, lambda waveforms: waveforms @ weights


def fall(model, waveforms, adversarial, labels):
    """Return how far the margins of the labels fall, [B]."""
    return margin(model(waveforms), labels) - margin(model(adversarial), labels)


def largest_fall(weights, count=COUNT):
    """Return the largest fall of the margin of two classes by changes of epsilon at `count` samples."""
    return EPSILON * (weights[:, 0] - weights[:, 1]).abs().topk(count).values.sum()


def check_dense_optimum(name, norm, sparsity, waveforms, share=0.95, **settings):
    """The fall of the margin is at least `share` of the largest in the box or ball."""
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    ball = {"norm": "l2", "rms": RMS} if norm == "l2" else {}
    attack = create_attack(name, epsilon=EPSILON, sparsity=sparsity, **ball, **settings)
    adversarial = attack(model, waveforms, labels)
    count = int(sparsity * SIZE)
    largest = (weights[:, 0] - weights[:, 1]).abs().topk(count).values
    best = EPSILON * largest.sum() if norm == "linf" else RMS * EPSILON * count**0.5 * largest.norm()
    found = fall(model, waveforms, adversarial, labels)
    assert found.min() >= share * best
    assert found.max() <= best + 1e-4
    change = adversarial - waveforms
    assert ((change != 0).sum(1) == count).all()
    assert change.abs().max() <= EPSILON + 1e-6
    if norm == "l2":
        assert (change.square().sum(1) / count).sqrt().max() <= RMS * EPSILON + 1e-6


def smallest_norm(weights, waveforms, labels, norm):
    """Return the smallest norm over rival classes: the gap of the logits over the dual norm of the weights.

    An attack stops at a margin of `crossing`, which adds to the gap.
    """
    logits = waveforms @ weights
    gaps = logits.gather(1, labels[:, None]) - logits + crossing(logits)[:, None]
    slopes = (weights[:, labels].T[:, :, None] - weights).norm(DUAL[norm], dim=1)
    return torch.where(slopes > 0, gaps / slopes, torch.inf).amin(1)


def check_smallest_norm(name, minimised, classes, waveforms, bound, **settings):
    """The attack fools every clip with a perturbation of at most `bound` times the smallest norm."""
    weights, model = linear(classes)
    labels = model(waveforms).argmax(1)
    adversarial = create_attack(name, epsilon=0.1, sparsity=1.0, **settings)(model, waveforms, labels)
    assert (model(adversarial).argmax(1) != labels).all()
    change = adversarial - waveforms
    sizes = change.norm(dim=1) if minimised == "l2" else change.abs().amax(1)
    ratios = sizes / smallest_norm(weights, waveforms, labels, minimised)
    assert ratios.min() >= 1 - 1e-3
    assert ratios.max() <= bound


def check_minimal_in_box(name, waveforms, **settings):
    """A minimal attack fools the clips that the box allows, and comes near the optimum of the others."""
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    adversarial = create_attack(name, **SPARSE, **settings)(model, waveforms, labels)
    reach = largest_fall(weights)
    needed = margin(model(waveforms), labels)
    found = fall(model, waveforms, adversarial, labels)
    near, far = needed < 0.95 * reach, needed > reach
    assert near.any()
    assert far.any()
    assert (found > needed)[near].all()
    assert (found[far] >= 0.95 * reach).all()
    assert (adversarial - waveforms).abs().max() <= EPSILON + 1e-6


def check_target(name, waveforms, **settings):
    """The attack reaches the target of the clips for which the budget allows it, and of no others."""
    weights, model = linear(2)
    target = model(waveforms).argmin(1)
    hit = model(create_attack(name, targeted=True, **SPARSE, **settings)(model, waveforms, target)).argmax(1) == target
    reach = largest_fall(weights)
    needed = -margin(model(waveforms), target)
    assert hit[needed < 0.95 * reach].all()
    assert not hit[needed > reach].any()
    assert hit.any()
    assert not hit.all()


def check_five_targets(name, waveforms, **settings):
    """The attack reaches any of five targets within a wide box."""
    _, model = linear(5)
    target = (model(waveforms).argmax(1) + 1 + torch.arange(16) % 4) % 5
    attack = create_attack(name, epsilon=0.1, sparsity=1.0, targeted=True, **settings)
    assert (model(attack(model, waveforms, target)).argmax(1) == target).all()


def check_sparse_optimum(name, waveforms, **settings):
    """The attack uses the whole budget, and the fall of the margin is near the largest."""
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    adversarial = create_attack(name, **SPARSE, **settings)(model, waveforms, labels)
    assert fall(model, waveforms, adversarial, labels).min() >= 0.95 * largest_fall(weights)
    assert ((adversarial != waveforms).sum(1) == COUNT).all()
    assert (adversarial - waveforms).abs().max() <= EPSILON + 1e-6


def check_bounds_are_considered(name, waveforms, **settings):
    """The attack prefers samples that can move to those at the bounds of the model."""
    loud = (waveforms * 2).clamp(-1, 1) * 0.999 + 0.001 * waveforms.sign()
    loud[:, ::2] = loud[:, ::2].sign()  # half of the samples can move in one direction only
    weights, model = linear(2)
    labels = model(loud).argmax(1)
    slopes = torch.where(labels == 0, -1.0, 1.0)[:, None] * (weights[:, 0] - weights[:, 1])
    ends = (loud + EPSILON * slopes.sign()).clamp(-1, 1)
    best = (slopes * (ends - loud)).topk(COUNT).values.sum(1)
    attack = create_attack(name, **SPARSE, **settings)
    assert (fall(model, loud, attack(model, loud, labels), labels) >= 0.9 * best).all()


def fewest_samples(weights, logits, labels):
    """Return how many samples must change by epsilon until some rival wins, [B]; more than T if none can."""
    counts = []
    for rival in range(logits.shape[1]):
        gains = EPSILON * (weights[:, rival, None] - weights[:, labels]).abs().T.sort(1, descending=True).values
        gap = (logits.gather(1, labels[:, None]) - logits[:, rival, None])[:, 0]
        counts.append(torch.where(labels == rival, SIZE + 1, (gains.cumsum(1) <= gap[:, None]).sum(1) + 1))
    return torch.stack(counts, 1).amin(1)


def check_fewest_samples(name, classes, waveforms, **settings):
    """The attack changes at most a quarter more samples than necessary."""
    weights, model = linear(classes)
    logits = model(waveforms)
    labels = logits.argmax(1)
    adversarial = create_attack(name, epsilon=EPSILON, sparsity=1.0, **settings)(model, waveforms, labels)
    needed = fewest_samples(weights, logits, labels)
    reachable = needed <= SIZE
    assert reachable.sum() >= 8
    assert torch.equal(model(adversarial).argmax(1) != labels, reachable)
    changed = (adversarial != waveforms).sum(1)
    assert (changed >= needed)[reachable].all()
    assert (changed <= (1.25 * needed).ceil())[reachable].all()


def check_fewest_within_budget(name, waveforms, **settings):
    """If the fewest samples exceed the budget, the attack returns nearly the best perturbation within it."""
    weights, model = linear(2)
    logits = model(waveforms)
    labels = logits.argmax(1)
    adversarial = create_attack(name, **SPARSE, **settings)(model, waveforms, labels)
    needed = fewest_samples(weights, logits, labels)
    assert (needed > COUNT).any()
    assert ((adversarial != waveforms).sum(1) <= COUNT).all()
    assert torch.equal(model(adversarial).argmax(1) != labels, needed <= COUNT)
    beyond = needed > COUNT
    assert (fall(model, waveforms, adversarial, labels)[beyond] >= 0.95 * largest_fall(weights)).all()


def check_sparse_target(name, waveforms, **settings):
    """The attack reaches the target of exactly the clips for which the budget allows it."""
    weights, model = linear(2)
    logits = model(waveforms)
    goals = logits.argmin(1)
    adversarial = create_attack(name, targeted=True, **SPARSE, **settings)(model, waveforms, goals)
    reach = largest_fall(weights)
    gaps = logits.amax(1) - logits.amin(1)
    certain = (gaps - reach).abs() > 0.05 * reach
    assert (gaps < reach).any()
    assert (gaps > reach).any()
    assert torch.equal((model(adversarial).argmax(1) == goals)[certain], (gaps < reach)[certain])
