"""Linear models: the furthest fall of the margin within a budget, and the fewest samples that flip, by one sort."""

import pytest
import torch

from linear import SIZE, fall, linear
from staanet.attacks import create_attack

EPSILON, SPARSITY = 0.02, 0.1
COUNT = int(SPARSITY * SIZE)

BOUNDED = {
    "sparse_pgd": {},
    "sparse_pgd first_gradient": {"positions": "first_gradient", "momentum": 0.0},
    "pgd0": {},
    "pgd0 restarts": {"restarts": 3, "steps": 90},
    "spgd": {},
}
FEWEST = {
    "jsma": {},
    "jsma cross_entropy": {"saliency": "cross_entropy"},
    "sigma_zero": {},
    "sparsefool": {},
    "sparsefool push": {"push": 10.0},
}
TARGETED = ["sparse_pgd", "pgd0", "spgd", "jsma", "sigma_zero"]


def build(case, **settings):
    name = case.split()[0]
    changes = {**BOUNDED, **FEWEST}.get(case, {})
    return create_attack(name, **{"epsilon": EPSILON, "sparsity": SPARSITY, **changes, **settings})


@pytest.mark.parametrize("case", BOUNDED)
def test_reaches_the_optimum_within_the_budget(case, waveforms):
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    adversarial = build(case)(model, waveforms, labels)
    best = EPSILON * (weights[:, 0] - weights[:, 1]).abs().topk(COUNT).values.sum()
    assert fall(model, waveforms, adversarial, labels).min() >= 0.95 * best
    assert ((adversarial != waveforms).sum(1) == COUNT).all()
    assert (adversarial - waveforms).abs().max() <= EPSILON + 1e-6


@pytest.mark.parametrize("case", BOUNDED)
def test_prefers_samples_that_have_room_to_move(case, waveforms):
    loud = (waveforms * 2).clamp(-1, 1) * 0.999 + 0.001 * waveforms.sign()
    loud[:, ::2] = loud[:, ::2].sign()  # half of the samples can go one way only
    weights, model = linear(2)
    labels = model(loud).argmax(1)
    slopes = torch.where(labels == 0, -1.0, 1.0)[:, None] * (weights[:, 0] - weights[:, 1])
    ends = (loud + EPSILON * slopes.sign()).clamp(-1, 1)
    best = (slopes * (ends - loud)).topk(COUNT).values.sum(1)
    assert (fall(model, loud, build(case)(model, loud, labels), labels) >= 0.9 * best).all()


def test_projected_gradients_of_spgd_leave_magnitudes_where_they_began(waveforms):
    """Half of them begin on the wrong side and never come to be heard, so that the optimum is out of reach."""
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    adversarial = build("spgd", gradient="projected")(model, waveforms, labels)
    best = EPSILON * (weights[:, 0] - weights[:, 1]).abs().topk(COUNT).values.sum()
    found = fall(model, waveforms, adversarial, labels) / best
    assert 0.7 <= found.min() <= found.max() <= 0.95


def test_random_positions_are_used_to_the_full(waveforms):
    _, model = linear(2)
    labels = model(waveforms).argmax(1)
    change = build("sparse_pgd", positions="random")(model, waveforms, labels) - waveforms
    assert ((change != 0).sum(1) == COUNT).all()
    torch.testing.assert_close(change.abs().sum(1), torch.full((16,), COUNT * EPSILON), atol=1e-4, rtol=0)


def test_a_comb_finds_its_best_phases(waveforms):
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    adversarial = build("comb", period=32, steps=20)(model, waveforms, labels)
    change = (adversarial - waveforms).view(16, -1, 32)
    assert (change != 0).any(1).sum(1).unique().tolist() == [COUNT // 20]
    torch.testing.assert_close(change, change[:, :1].expand_as(change), atol=1e-6, rtol=0)
    slopes = (weights[:, 0] - weights[:, 1]).view(-1, 32).sum(0).abs()
    best = EPSILON * slopes.topk(COUNT // 20).values.sum()
    assert fall(model, waveforms, adversarial, labels).min() >= 0.99 * best


def test_a_comb_too_dense_for_the_budget_takes_a_longer_period(waveforms):
    _, model = linear(2)
    adversarial = build("comb", period=4, sparsity=0.02)(model, waveforms, model(waveforms).argmax(1))
    places = (adversarial[0] != waveforms[0]).nonzero()[:, 0]
    assert len(places) == 12
    assert places.diff().unique().tolist() == [56]


def fewest(weights, logits, labels):
    """How many samples have to change by epsilon until some rival wins, and the logits' own class."""
    counts = []
    for rival in range(logits.shape[1]):
        gains = EPSILON * (weights[:, rival, None] - weights[:, labels]).abs().T.sort(1, descending=True).values
        gap = (logits.gather(1, labels[:, None]) - logits[:, rival, None])[:, 0]
        counts.append(torch.where(labels == rival, SIZE + 1, (gains.cumsum(1) <= gap[:, None]).sum(1) + 1))
    return torch.stack(counts, 1).amin(1)


@pytest.mark.parametrize("case", FEWEST)
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_changes_few_more_samples_than_it_takes(case, classes, waveforms):
    weights, model = linear(classes)
    logits = model(waveforms)
    labels = logits.argmax(1)
    adversarial = build(case, sparsity=1.0)(model, waveforms, labels)
    needed = fewest(weights, logits, labels)
    reachable = needed <= SIZE
    assert reachable.sum() >= 8
    assert torch.equal(model(adversarial).argmax(1) != labels, reachable)
    changed = (adversarial != waveforms).sum(1)
    assert (changed >= needed)[reachable].all()
    assert (changed <= (1.25 * needed).ceil())[reachable].all()


@pytest.mark.parametrize("case", FEWEST)
def test_the_best_within_the_budget_where_the_fewest_do_not_fit(case, waveforms):
    weights, model = linear(2)
    logits = model(waveforms)
    labels = logits.argmax(1)
    adversarial = build(case)(model, waveforms, labels)
    needed = fewest(weights, logits, labels)
    assert (needed > COUNT).any()
    assert ((adversarial != waveforms).sum(1) <= COUNT).all()
    assert torch.equal(model(adversarial).argmax(1) != labels, needed <= COUNT)
    beyond = needed > COUNT
    best = EPSILON * (weights[:, 0] - weights[:, 1]).abs().topk(COUNT).values.sum()
    assert (fall(model, waveforms, adversarial, labels)[beyond] >= 0.95 * best).all()


@pytest.mark.parametrize("name", TARGETED)
def test_reaches_the_target_where_it_can(name, waveforms):
    weights, model = linear(2)
    logits = model(waveforms)
    goals = logits.argmin(1)
    adversarial = build(name, targeted=True)(model, waveforms, goals)
    reach = EPSILON * (weights[:, 0] - weights[:, 1]).abs().topk(COUNT).values.sum()
    gaps = logits.amax(1) - logits.amin(1)
    certain = (gaps - reach).abs() > 0.05 * reach
    assert (gaps < reach).any()
    assert (gaps > reach).any()
    assert torch.equal((model(adversarial).argmax(1) == goals)[certain], (gaps < reach)[certain])


def test_jsma_goes_one_way_where_theta_says_so(waveforms):
    _, model = linear(3)
    labels = model(waveforms).argmax(1)
    for theta in (0.005, -0.005):
        change = build("jsma", theta=theta)(model, waveforms, labels) - waveforms
        assert (change * theta >= 0).all()
        assert (change.abs() > abs(theta) + 1e-6).any()  # more than one step for some samples
        assert change.abs().max() <= EPSILON + 1e-6


def test_jsmas_map_changes_samples_that_serve_both_ends(waveforms):
    weights, model = linear(3)
    labels = model(waveforms).argmax(1)
    goals = (labels + 1) % 3
    change = build("jsma", saliency="map", targeted=True, thinned=False)(model, waveforms, goals) - waveforms
    rise = weights.T[goals]
    rest = weights.sum(1) - rise
    assert (change != 0).any()
    assert (rise * rest < 0)[change != 0].all()
    assert (change * rise >= 0).all()
