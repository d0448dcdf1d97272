"""What the sparse attacks cost, what they refuse, and how they behave where there is nothing to climb."""

import pytest
import torch

from staanet.attacks import ATTACKS, create_attack
from staanet.attacks.components.search import Room
from staanet.attacks.spgd import SPGD
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.core.waveforms import valid_samples
from staanet.models import create_model

SPARSE = ["comb", "jsma", "pgd0", "sigma_zero", "sparse_pgd", "sparsefool", "spgd"]
FEWEST = ["jsma", "sigma_zero", "sparsefool"]
BUDGET = {"epsilon": 0.05, "sparsity": 0.1}


class Counted:
    """A model that counts, clip by clip, how many gradients are taken of it."""

    def __init__(self, model):
        self.model, self.gradients = model, 0

    def __call__(self, waveforms, lengths):
        logits = self.model(waveforms, lengths)
        if logits.requires_grad:
            logits.register_hook(lambda gradient: self.add(len(gradient)))
        return logits

    def add(self, clips):
        self.gradients += clips


@pytest.fixture
def model():
    with seeded("victim"):
        return create_model("zhao19", labels="abc", seconds=0.05)


@pytest.mark.parametrize("name", SPARSE)
def test_takes_no_more_gradients_than_it_says(name, model, clips):
    waveforms, lengths, _ = clips
    counted = Counted(model)
    labels = model(waveforms, lengths).argmax(1)
    create_attack(name, steps=12, epsilon=1e-4, sparsity=0.1)(counted, waveforms, labels, lengths)
    assert 0 < counted.gradients <= 12 * 3
    if name not in FEWEST:
        assert counted.gradients == 12 * 3


@pytest.mark.parametrize("name", FEWEST)
def test_a_clip_that_is_decided_otherwise_already_stays_as_it_is(name, model, clips):
    waveforms, lengths, _ = clips
    labels = model(waveforms, lengths).argmin(1)
    assert torch.equal(create_attack(name, steps=4, **BUDGET)(model, waveforms, labels, lengths), waveforms)


@pytest.mark.parametrize("name", SPARSE)
def test_a_model_without_slope_is_no_harm(name, clips):
    waveforms, lengths, labels = clips

    def deaf(waveforms):
        return torch.tensor([[3.0, 2.0, 1.0]]) + 0 * waveforms[:, :3]

    settings = BUDGET if name == "comb" else {**BUDGET, "steps": 8}
    adversarial = create_attack(name, **settings)(deaf, waveforms, labels * 0, lengths)
    assert torch.isfinite(adversarial).all()


@pytest.mark.parametrize("name", ["jsma", "sparse_pgd", "sparsefool"])
def test_memory_grows_with_the_clip_not_with_its_square(name):
    waveforms = torch.zeros(1, 200_000)  # a number for each pair of samples would take 160 GB
    with seeded("weights"):
        weights = torch.randn(200_000, 2)
    adversarial = create_attack(name, epsilon=0.1, sparsity=0.001, steps=3)(
        lambda waveforms: waveforms @ weights + torch.tensor([0.5, 0.0]), waveforms, torch.tensor([0])
    )
    assert 0 < (adversarial != 0).sum() <= 200


@pytest.mark.parametrize("positions", ["first_gradient", "random"])
def test_positions_that_are_fixed_stay_for_all_steps(positions, model, clips):
    waveforms, lengths, labels = clips
    few, many = (
        create_attack("sparse_pgd", positions=positions, steps=steps, objective="cross_entropy", **BUDGET)(
            model, waveforms, labels, lengths
        )
        for steps in (2, 8)
    )
    for before, after, clean, length in zip(few, many, waveforms, lengths.tolist(), strict=True):
        assert ((before != clean) | (after != clean)).sum() <= length // 10


def test_the_papers_sparse_pgd_is_the_published_one():
    paper = create_attack("sparse_pgd", preset="paper")
    assert (paper.steps, paper.step_size, paper.random_start, paper.objective) == (20, 0.25, True, "cross_entropy")
    assert paper.momentum == 0
    assert paper.positions != "every_step"


def test_the_papers_sparsefool_is_the_published_one():
    paper = create_attack("sparsefool", preset="paper")
    assert (paper.rounds, paper.push, paper.overshoot, paper.thinned) == (20, 10.0, 0.02, False)


def test_the_systematic_jsma_takes_two_of_its_features_a_step():
    published = create_attack("jsma", preset="systematic")
    assert (published.theta, published.gamma, published.goal) == (1.0, 1.0, "random")
    assert published.steps * published.samples == 128 * 261


def test_a_stuck_mask_is_drawn_anew(monkeypatch, clips):
    waveforms, lengths, labels = clips
    masks = []
    top = Room.top
    monkeypatch.setattr(Room, "top", lambda self, scores: masks.append(top(self, scores)) or masks[-1])

    def hopeless(waveforms):
        return torch.cat([waveforms[:, :1] + 9, 0 * waveforms[:, :2]], 1)

    create_attack("spgd", steps=9, patience=3, **BUDGET)(hopeless, waveforms, labels * 0, lengths)
    whole = [mask for mask in masks if len(mask) == 3]
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) > 2
    assert all((mask.sum(1) == lengths // 10).all() for mask in whole)
    assert all(not (mask & ~valid_samples(lengths, 900)).any() for mask in whole)


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        *((name, {"steps": 0}, "steps.* of 1 or more") for name in SPARSE),
        ("sparse_pgd", {"step_size": 0.0}, "step_size above 0"),
        ("sparse_pgd", {"momentum": 1.0}, "momentum in .0, 1."),
        ("sparse_pgd", {"positions": "top"}, "positions"),
        ("pgd0", {"steps": 5, "restarts": 6}, "restarts in 1..5"),
        ("spgd", {"patience": 0}, "patience of 1 or more"),
        ("jsma", {"theta": 0.0}, "theta other than 0"),
        ("jsma", {"gamma": 2.0}, "gamma in .0, 1."),
        ("jsma", {"samples": 0}, "samples of 1 or more"),
        ("sparsefool", {"push": 0.5}, "push of 1 or more"),
        ("sigma_zero", {"sigma": 0.0}, "sigma above 0"),
        ("sigma_zero", {"step_size": 0.25}, "threshold in .0, 0.25., below the step_size"),
        ("comb", {"period": 0}, "period of 1 or more"),
        ("comb", {"preset": "paper"}, "preset"),
    ],
)
def test_refuses_settings_that_mean_nothing(name, settings, told):
    with pytest.raises(StaanetError, match=told):
        create_attack(name, **settings)


def test_all_are_listed_and_need_gradients():
    for name in SPARSE:
        assert ATTACKS[name].access == "gradient"
        assert ATTACKS[name].norms == ("l0", "linf")
    assert not ATTACKS["sparsefool"].targetable
    assert SPGD.targetable
