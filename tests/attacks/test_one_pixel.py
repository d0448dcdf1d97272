import pytest
import torch

from attacks.linear import fall
from attacks.queries import (
    BUDGET,
    EPSILON,
    CountingQueries,
    Lead,
    check_returns_what_it_evaluated,
    check_target,
    queries,
)
from staanet.attacks import create_attack
from staanet.attacks.one_pixel import OnePixel
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError

PAPER = {"queries": 6300, "population": 300}


def test_finds_the_best_sample(copies):
    model, labels = Lead(copies), torch.zeros(8, dtype=torch.int64)
    adversarial = OnePixel(Budget(epsilon=EPSILON), **PAPER)(model, copies, labels)
    assert ((adversarial != copies).sum(1) == 1).all()
    best = EPSILON * float(model.slopes.max())
    assert (fall(model, copies, adversarial, labels) >= 0.95 * best).all()


def test_scaling_finds_the_sample_where_it_has_the_largest_effect(copies):
    model, labels = Lead(copies), torch.zeros(8, dtype=torch.int64)
    attack = OnePixel(Budget(epsilon=EPSILON), change="scale", **PAPER)
    best = EPSILON * float((model.slopes * model.centre[0].abs()).max())
    assert (fall(model, copies, attack(model, copies, labels), labels) >= 0.95 * best).all()


def test_reaches_the_target_exactly_where_it_can(copies):
    check_target(OnePixel(Budget(epsilon=EPSILON), targeted=True), copies, 1)


def test_makes_as_many_queries_as_whole_generations_allow(clips):
    assert queries(OnePixel(BUDGET, queries=30, population=7), clips, CountingQueries(1e6)) == {28}


def test_a_fooled_clip_has_no_more_generations(clips):
    assert queries(OnePixel(BUDGET, queries=30, population=7), clips, CountingQueries(-1e6)) == {7}


def test_returns_what_it_evaluated(clips):
    check_returns_what_it_evaluated(OnePixel(Budget(epsilon=0.1), queries=200, population=7), clips)


@pytest.mark.parametrize("samples", [1, 4])
def test_changes_at_most_as_many_samples_as_set_and_allowed(clips, samples):
    waveforms, lengths, labels = clips
    for sparsity, most in ((1.0, samples), (2.5 / 900, min(samples, 2))):
        attack = OnePixel(Budget(epsilon=0.1, sparsity=sparsity), samples=samples, queries=40, population=20)
        change = attack(CountingQueries(20.0), waveforms, labels * 0, lengths) - waveforms
        assert 1 <= (change != 0).sum(1).max() <= most


def test_scaling_leaves_silence_unchanged(clips):
    waveforms, lengths, labels = clips
    waveforms = torch.where(torch.arange(900) < 800, 0, waveforms)
    lengths = torch.full_like(lengths, 900)
    attack = OnePixel(Budget(epsilon=0.1), samples=20, change="scale", queries=40, population=20)
    change = attack(CountingQueries(20.0), waveforms, labels * 0, lengths) - waveforms
    assert not change[:, :800].any()
    assert (change.abs() <= 0.1 * waveforms.abs() + 1e-6).all()


def test_the_preset_has_the_published_settings():
    paper = create_attack("one_pixel", preset="paper")
    assert paper == OnePixel(queries=6300, population=300, objective="cross_entropy", change="scale")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 0}, "samples of 1 or more"),
        ({"population": 3}, "population of 4 or more"),
        ({"queries": 29}, "at most the queries"),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("one_pixel", **settings)
