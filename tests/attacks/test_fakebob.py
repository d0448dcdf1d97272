import pytest
import torch

from attacks.linear import fall
from attacks.queries import (
    BUDGET,
    EPSILON,
    SIZE,
    CountingQueries,
    Lead,
    check_returns_what_it_evaluated,
    check_target,
    queries,
)
from staanet.attacks import create_attack
from staanet.attacks.fakebob import FakeBob
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError


@pytest.mark.parametrize("sparsity", [0.25, 1.0])
def test_estimates_the_signs_of_its_samples(copies, sparsity):
    model, labels = Lead(copies), torch.zeros(8, dtype=torch.int64)
    adversarial = FakeBob(Budget(epsilon=EPSILON, sparsity=sparsity))(model, copies, labels)
    changed = adversarial != copies
    assert (changed.sum(1) <= sparsity * SIZE).all()
    shares = fall(model, copies, adversarial, labels) / (EPSILON * (model.slopes * changed).sum(1))
    assert (shares <= 1 + 1e-4).all()
    assert shares.min() >= 0.9
    assert shares.mean() >= 0.95


def test_reaches_the_target_exactly_where_it_can(copies):
    check_target(FakeBob(Budget(epsilon=EPSILON), targeted=True), copies, SIZE)


def test_makes_as_many_queries_as_whole_steps_allow(clips):
    assert queries(FakeBob(BUDGET, queries=30, draws=6), clips, CountingQueries(1e6)) == {4 * 7}


def test_a_fooled_clip_takes_no_more_steps(clips):
    assert queries(FakeBob(BUDGET, queries=30, draws=6), clips, CountingQueries(-1e6)) == {7}


def test_returns_what_it_evaluated(clips):
    check_returns_what_it_evaluated(FakeBob(Budget(epsilon=0.1), queries=200, draws=6), clips)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"draws": 5}, "draws as an even number"),
        ({"queries": 50}, "below the queries"),
        ({"momentum": 1.0}, "momentum in .0, 1."),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("fakebob", **settings)
