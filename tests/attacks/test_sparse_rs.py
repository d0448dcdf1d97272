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
from staanet.attacks.sparse_rs import SparseRS
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError


def test_finds_the_best_samples_and_signs(copies):
    model, labels = Lead(copies), torch.zeros(8, dtype=torch.int64)
    adversarial = SparseRS(Budget(epsilon=EPSILON, sparsity=6 / SIZE))(model, copies, labels)
    change = adversarial - copies
    assert ((change != 0).sum(1) == 6).all()
    torch.testing.assert_close(change.abs().amax(1), torch.full((8,), EPSILON), atol=1e-6, rtol=0)
    best = EPSILON * float(model.slopes.topk(6).values.sum())
    assert (fall(model, copies, adversarial, labels) >= 0.95 * best).all()


def test_reaches_the_target_exactly_where_it_can(copies):
    check_target(SparseRS(Budget(epsilon=EPSILON), targeted=True), copies, SIZE)


def test_makes_as_many_queries_as_allowed(clips):
    assert queries(SparseRS(BUDGET, queries=30), clips, CountingQueries(1e6)) == {30}


def test_a_fooled_clip_makes_no_more_queries(clips):
    assert queries(SparseRS(BUDGET, queries=30), clips, CountingQueries(-1e6)) == {1}


def test_returns_what_it_evaluated(clips):
    check_returns_what_it_evaluated(SparseRS(Budget(epsilon=0.1), queries=200), clips)


@pytest.mark.parametrize(
    ("settings", "message"), [({"queries": 0}, "queries of 1 or more"), ({"share": 0.0}, "share in .0, 1.")]
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("sparse_rs", **settings)
