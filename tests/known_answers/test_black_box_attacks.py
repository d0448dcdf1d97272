"""Black-box attacks on linear models: what the best change within the budget does is known in closed form."""

import pytest
import torch

from linear import fall
from staanet.attacks.boundary import Boundary
from staanet.attacks.fakebob import FakeBob
from staanet.attacks.one_pixel import OnePixel
from staanet.attacks.pixel import Pixel
from staanet.attacks.sparse_rs import SparseRS
from staanet.core.budget import Budget
from staanet.core.seeds import seeded

SIZE, EPSILON = 64, 0.02


class Linear:
    """Two or more classes; the margin of class 0 begins at `lead`."""

    def __init__(self, waveforms, classes=2, lead=100.0):
        with seeded("weights", classes):
            self.weights = torch.randn(classes, waveforms.shape[1])
        self.centre = waveforms
        self.lead = lead

    def __call__(self, waveforms):
        logits = (waveforms - self.centre) @ self.weights.T
        logits[:, 0] += self.lead
        return logits

    @property
    def slopes(self):
        return (self.weights[0] - self.weights[1]).abs()


@pytest.fixture
def waveforms():
    """One clip eight times, each a little different, so that each has a stream of its own."""
    with seeded("clips"):
        clip = torch.rand(1, SIZE) - 0.5
        return clip + 1e-6 * torch.randn(8, SIZE)


@pytest.fixture
def labels(waveforms):
    return torch.zeros(len(waveforms), dtype=torch.int64)


def one_clip(waveforms):
    return waveforms.mean(0, keepdim=True)


def test_sparse_rs_finds_the_best_samples_and_signs(waveforms, labels):
    model = Linear(one_clip(waveforms))
    adversarial = SparseRS(Budget(epsilon=EPSILON, sparsity=6 / SIZE))(model, waveforms, labels)
    change = adversarial - waveforms
    assert ((change != 0).sum(1) == 6).all()
    torch.testing.assert_close(change.abs().amax(1), torch.full((8,), EPSILON), atol=1e-6, rtol=0)
    best = EPSILON * float(model.slopes.topk(6).values.sum())
    assert (fall(model, waveforms, adversarial, labels) >= 0.95 * best).all()


def test_one_pixel_finds_the_best_sample(waveforms, labels):
    model = Linear(one_clip(waveforms))
    attack = OnePixel(Budget(epsilon=EPSILON), queries=6300, population=300)
    adversarial = attack(model, waveforms, labels)
    assert ((adversarial != waveforms).sum(1) == 1).all()
    best = EPSILON * float(model.slopes.max())
    assert (fall(model, waveforms, adversarial, labels) >= 0.95 * best).all()


def test_one_pixel_that_scales_finds_the_sample_where_that_counts_most(waveforms, labels):
    model = Linear(one_clip(waveforms))
    attack = OnePixel(Budget(epsilon=EPSILON), queries=6300, population=300, change="scale")
    best = EPSILON * float((model.slopes * one_clip(waveforms)[0].abs()).max())
    assert (fall(model, waveforms, attack(model, waveforms, labels), labels) >= 0.95 * best).all()


def test_pixel_does_with_three_samples_more_than_any_one_can(waveforms, labels):
    model = Linear(one_clip(waveforms))
    adversarial = Pixel(Budget(epsilon=EPSILON), samples=3)(model, waveforms, labels)
    assert ((adversarial != waveforms).sum(1) <= 3).all()
    best = EPSILON * model.slopes.topk(3).values
    found = fall(model, waveforms, adversarial, labels)
    assert (found <= best.sum() + 1e-4).all()
    assert (found > best[0]).all()


@pytest.mark.parametrize("sparsity", [0.25, 1.0])
def test_fakebob_estimates_the_signs_of_its_samples(waveforms, labels, sparsity):
    model = Linear(one_clip(waveforms))
    adversarial = FakeBob(Budget(epsilon=EPSILON, sparsity=sparsity))(model, waveforms, labels)
    changed = adversarial != waveforms
    assert (changed.sum(1) <= sparsity * SIZE).all()
    shares = fall(model, waveforms, adversarial, labels) / (EPSILON * (model.slopes * changed).sum(1))
    assert (shares <= 1 + 1e-4).all()
    assert shares.min() >= 0.9
    assert shares.mean() >= 0.95


@pytest.mark.parametrize("sparsity", [0.25, 1.0])
def test_boundary_comes_near_the_least_euclidean_norm_of_its_samples(waveforms, labels, sparsity):
    model = Linear(one_clip(waveforms), lead=0.1)
    adversarial = Boundary(Budget(epsilon=0.4, sparsity=sparsity))(model, waveforms, labels)
    change = adversarial - waveforms
    changed = change != 0
    assert (changed.sum(1) <= sparsity * SIZE).all()
    assert (model(adversarial).argmax(1) == 1).all()
    least = model.lead / (model.slopes * changed).norm(dim=1)
    assert (change.norm(dim=1) <= 1.25 * least).all()


def test_boundary_walks_into_a_budget_where_no_random_signs_would_do(waveforms, labels):
    model = Linear(one_clip(waveforms))
    model.lead = 0.6 * EPSILON * float(model.slopes.sum())
    budget = Budget(epsilon=EPSILON)
    near = Boundary(budget, queries=100, starts=100)(model, waveforms, labels)
    assert not (model(near).argmax(1) == 1).any()
    far = Boundary(budget, queries=2000)(model, waveforms, labels)
    assert (far - waveforms).abs().max() <= EPSILON + 1e-6
    assert (model(far).argmax(1) == 1).float().mean() >= 0.5


@pytest.mark.parametrize("attack", [SparseRS, FakeBob, OnePixel, Pixel])
def test_targeted_attacks_reach_the_target_exactly_where_it_can_be_reached(waveforms, attack):
    model = Linear(one_clip(waveforms), classes=3)
    target = torch.full((len(waveforms),), 2)
    samples = {OnePixel: 1, Pixel: 10}.get(attack, SIZE)
    model.lead = 0.2 * EPSILON * float((model.weights[0] - model.weights[2]).abs().topk(samples).values.sum())
    build = {"budget": Budget(epsilon=EPSILON), "targeted": True}
    model.weights[1] = model.weights[0] - 0.5 * (model.weights[0] - model.weights[2])
    assert (model(attack(**build)(model, waveforms, target)).argmax(1) == 2).all()
    model.lead *= 6
    assert not (model(attack(**build)(model, waveforms, target)).argmax(1) == 2).any()
