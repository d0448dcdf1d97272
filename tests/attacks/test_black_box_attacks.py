"""How black-box attacks ask, and what they do with the answers."""

import pytest
import torch
from torch.nn import functional

from staanet.attacks import create_attack
from staanet.attacks.boundary import Boundary
from staanet.attacks.components import few_samples
from staanet.attacks.components.evolution import evolve
from staanet.attacks.fakebob import FakeBob
from staanet.attacks.one_pixel import OnePixel
from staanet.attacks.pixel import Pixel
from staanet.attacks.sparse_rs import SparseRS
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom, seeded

BUDGET = Budget(epsilon=0.1, sparsity=0.1)
SMALL = {
    SparseRS: {"queries": 30},
    FakeBob: {"queries": 30, "draws": 6},
    OnePixel: {"queries": 30, "population": 7},
    Pixel: {"queries": 30, "population": 7},
    Boundary: {"queries": 30, "starts": 10},
}
ATTACKS = pytest.mark.parametrize("attack", SMALL)


class Counting:
    """Counts, for clips of different lengths, how often each is asked about; the margin of class 0 begins at `lead`."""

    def __init__(self, lead):
        with seeded("weights"):
            self.weights = torch.randn(900, 3)
        self.lead = lead
        self.asked = {}

    def __call__(self, waveforms, lengths):
        assert not torch.is_grad_enabled()
        for length in lengths.tolist():
            self.asked[length] = self.asked.get(length, 0) + 1
        logits = functional.pad(waveforms, (0, 900 - waveforms.shape[1])) @ self.weights
        return logits + torch.tensor([self.lead, 0, 0])


class Fragile(Counting):
    """Decides class 0 on the clean clips only."""

    def __init__(self, clips):
        super().__init__(0)
        self.clean = {length: clip[:length] for clip, length in zip(clips[0], clips[1].tolist(), strict=True)}

    def __call__(self, waveforms, lengths):
        logits = super().__call__(waveforms, lengths)
        clips = zip(waveforms, lengths.tolist(), strict=True)
        clean = torch.tensor([torch.equal(clip[:length], self.clean[length]) for clip, length in clips])
        return torch.where(clean[:, None], torch.tensor([1.0, 0, 0]), logits - torch.tensor([1e6, 0, 0]))


def asked(attack, clips, model):
    """Return how often each clip is asked about."""
    waveforms, lengths, labels = clips
    attack(model, waveforms, labels * 0, lengths)
    return set(model.asked.values())


@ATTACKS
def test_no_clip_is_asked_about_more_often_than_allowed(attack, clips):
    most = {SparseRS: 30, FakeBob: 4 * 7, OnePixel: 28, Pixel: 28, Boundary: 1 + 20}
    assert asked(attack(BUDGET, **SMALL[attack]), clips, Counting(1e6)) == {most[attack]}


def test_boundary_asks_as_often_as_allowed_where_it_has_a_start(clips):
    assert asked(Boundary(BUDGET, queries=30, starts=10), clips, Fragile(clips)) == {1 + 30}


@ATTACKS
def test_a_clip_that_is_reached_leaves(attack, clips):
    spent = {SparseRS: 1, FakeBob: 7, OnePixel: 7, Pixel: 7, Boundary: 1}
    assert asked(attack(BUDGET, **SMALL[attack]), clips, Counting(-1e6)) == {spent[attack]}


def test_boundary_leaves_a_clip_that_fools_the_model_as_it_is(clips):
    waveforms, lengths, labels = clips
    assert torch.equal(Boundary(BUDGET)(Counting(-1e6), waveforms, labels * 0, lengths), waveforms)


@ATTACKS
def test_what_is_returned_is_what_was_judged(attack, clips):
    """The clips that fooled the model within the budget do so in the end, and no others."""
    waveforms, lengths, labels = clips
    epsilon = 0.1
    model = Counting(8.0)
    clean = dict(zip(lengths.tolist(), waveforms, strict=True))
    hit = set()

    def watched(waveforms, lengths):
        logits = model(waveforms, lengths)
        for clip, length, one in zip(waveforms, lengths.tolist(), logits, strict=True):
            within = (clip - clean[length][: len(clip)]).abs().max() <= epsilon + 1e-6
            if within and one.argmax() != 0:
                hit.add(length)
        return logits

    build = attack(Budget(epsilon=epsilon), **{**SMALL[attack], "queries": 200})
    adversarial = build(watched, waveforms, labels * 0, lengths)
    with torch.no_grad():
        fooled = model(adversarial, lengths).argmax(1) != 0
    assert set(lengths[fooled].tolist()) == hit


def test_boundary_starts_with_slower_noise_where_white_noise_fools_no_clip():
    """The model hears how often the sign turns: white noise is as fast as the clip, only slower noise is not."""

    def slow(waveforms):
        turns = (waveforms[:, 1:] * waveforms[:, :-1] < 0).float().mean(1)
        return torch.stack([turns, torch.full_like(turns, 0.25)], 1)

    with seeded("clips"):
        waveforms = (torch.rand(3, 900) - 0.5) / 100
    labels = torch.zeros(3, dtype=torch.int64)
    white = waveforms + 0.5 * (torch.rand_like(waveforms) - 0.5).sign()
    assert torch.equal(slow(white).argmax(1), labels)
    found = Boundary(Budget(epsilon=0.5), queries=3, starts=3)(slow, waveforms, labels)
    assert (slow(found).argmax(1) == 1).all()


def test_boundary_uses_decisions_only(clips):
    waveforms, lengths, labels = clips
    model = Counting(2.0)
    attack = Boundary(BUDGET, queries=100, starts=10)

    def decisions(waveforms, lengths):
        return functional.one_hot(model(waveforms, lengths).argmax(1), 3).float()

    by_scores = attack(model, waveforms, labels * 0, lengths)
    assert torch.equal(by_scores, attack(decisions, waveforms, labels * 0, lengths))


def test_few_samples_ask_the_same_in_large_calls_and_in_small_ones(clips, monkeypatch):
    waveforms, lengths, labels = clips
    attack = Pixel(BUDGET, samples=3, queries=60, population=20)
    first = attack(Counting(20.0), waveforms, labels * 0, lengths)
    monkeypatch.setattr(few_samples, "ROWS", 5)
    torch.testing.assert_close(attack(Counting(20.0), waveforms, labels * 0, lengths), first, atol=1e-6, rtol=0)


@pytest.mark.parametrize("samples", [1, 4])
def test_few_samples_change_as_many_as_are_asked_for_and_allowed(clips, samples):
    waveforms, lengths, labels = clips
    for sparsity, most in ((1.0, samples), (2.5 / 900, min(samples, 2))):
        attack = OnePixel(Budget(epsilon=0.1, sparsity=sparsity), samples=samples, queries=40, population=20)
        change = attack(Counting(20.0), waveforms, labels * 0, lengths) - waveforms
        assert 1 <= (change != 0).sum(1).max() <= most


def test_one_pixel_that_scales_leaves_silence_alone(clips):
    waveforms, lengths, labels = clips
    waveforms = torch.where(torch.arange(900) < 800, 0, waveforms)
    lengths = torch.full_like(lengths, 900)
    attack = OnePixel(Budget(epsilon=0.1), samples=20, change="scale", queries=40, population=20)
    change = attack(Counting(20.0), waveforms, labels * 0, lengths) - waveforms
    assert not change[:, :800].any()
    assert (change.abs() <= 0.1 * waveforms.abs() + 1e-6).all()


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (-5.0, 7.0)])
def test_pixels_new_values_lie_on_its_grid(clips, bounds):
    waveforms, lengths, labels = clips
    model = Counting(1e6)
    model.bounds = low, high = bounds
    attack = Pixel(Budget(epsilon=0.95 * (high - low)), queries=40, population=20, levels=256)
    adversarial = attack(model, waveforms, labels * 0, lengths)
    new = (adversarial[adversarial != waveforms] - low) / (high - low) * 255
    torch.testing.assert_close(new, new.round(), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"name": "sparse_rs", "queries": 0}, "queries of 1 or more"),
        ({"name": "sparse_rs", "share": 0.0}, "share in .0, 1."),
        ({"name": "fakebob", "draws": 5}, "draws as an even number"),
        ({"name": "fakebob", "queries": 50}, "below the queries"),
        ({"name": "fakebob", "momentum": 1.0}, "momentum in .0, 1."),
        ({"name": "one_pixel", "samples": 0}, "samples of 1 or more"),
        ({"name": "one_pixel", "population": 3}, "population of 4 or more"),
        ({"name": "one_pixel", "queries": 29}, "at most the queries"),
        ({"name": "pixel", "levels": 1}, "levels of 2 or more"),
        ({"name": "boundary", "starts": 0}, "starts of 1 or more"),
        ({"name": "boundary", "adaptation": 1.0}, "adaptation above 1"),
        ({"name": "boundary", "targeted": True}, "one that cannot"),
    ],
)
def test_settings_with_which_nothing_happens_are_refused(settings, told):
    with pytest.raises(StaanetError, match=told):
        create_attack(**settings)


def test_presets_are_the_published_settings():
    paper = create_attack("one_pixel", preset="paper")
    assert paper == OnePixel(queries=6300, population=300, objective="cross_entropy", change="scale")
    systematic = create_attack("pixel", preset="systematic", samples=5)
    assert (systematic.samples, systematic.levels, systematic.queries // systematic.population) == (5, 256, 21)
    assert create_attack("boundary", preset="systematic").adaptation == 2


def test_evolution_begins_with_a_latin_hypercube_and_stays_in_range():
    generations = []

    def judge(genes, rows):  # noqa: ARG001
        generations.append(genes)
        return genes.sum(2)

    random = ClipRandom(0, torch.ones(2, 5), torch.tensor([5, 4]))
    evolve(judge, 3, population=20, generations=6, random=random)
    assert len(generations) == 6
    strata = (generations[0] * 20).long().sort(dim=1).values
    assert torch.equal(strata, torch.arange(20)[None, :, None].expand(2, 20, 3))
    for genes in generations:
        assert genes.shape == (2, 20, 3)
        assert (genes >= 0).all()
        assert (genes < 1).all()


def test_evolution_never_returns_less_than_the_best_it_saw_and_ends_where_told():
    seen = {0: [], 1: []}

    def judge(genes, rows):
        values = -(genes - 0.3).norm(dim=2)
        for row, each in zip(rows.tolist(), values, strict=True):
            seen[row].append(each.max())
        return torch.where((rows[:, None] == 1) & (values > -0.2), torch.inf, values)

    random = ClipRandom(0, torch.ones(2, 5), torch.tensor([5, 4]))
    best = evolve(judge, 2, population=10, generations=40, random=random)
    distances = (best - 0.3).norm(dim=1)
    assert float(distances[0]) == pytest.approx(-float(max(seen[0])))
    assert float(distances[0]) < 0.01
    assert float(distances[1]) <= 0.2
    assert len(seen[0]) == 40 > len(seen[1])
