from types import SimpleNamespace

import changed_decisions
import numpy as np
import pytest


def outcomes(before, after):
    return [{"predicted_clean": a, "predicted_adv": b} for a, b in zip(before, after, strict=True)]


def record(name, steps=None, generator=None, **others):
    attack = {"name": name, **({} if steps is None else {"steps": steps})}
    case = {"source": "a", "target": "a", "fold": 0, "subset": "test", "corpus": "c", "budget_epsilon": None}
    budget = {"budget_snr_db": 17.0, "budget_sparsity": 0.12}
    return SimpleNamespace(**{**case, **budget, "generator": generator, "settings": {"attack": attack}, **others})


def test_only_decisions_that_changed_count():
    assert changed_decisions.changed(outcomes([0, 1, 2], [0, 2, 0])).tolist() == [2, 0]


def test_distances_are_half_the_sum_of_differences():
    first, second = np.array([0, 0, 1, 1]), np.array([0, 2])
    assert changed_decisions.distance(first, first) == 0
    assert changed_decisions.distance(first, second) == pytest.approx((0 + 0.5 + 0.5) / 2)
    assert changed_decisions.distance(np.array([0]), np.array([3])) == 1


def test_chance_covers_equal_attacks_and_not_opposite_ones():
    draws = np.random.default_rng(1)
    first, second = draws.integers(0, 4, (2, 200))
    assert changed_decisions.distance(first, second) < changed_decisions.by_chance(first, second) < 0.2
    other = np.full(200, 3)
    assert changed_decisions.distance(first, other) > changed_decisions.by_chance(first, other)


def test_an_attack_is_compared_with_the_longest_iterations_within_its_budget():
    generated = record("staa_net", generator="g")
    short, long = record("sparse_pgd", 1), record("sparse_pgd", 10)
    elsewhere = [record("sparse_pgd", 50, budget_sparsity=0.01), record("sparse_pgd", 50, target="b")]
    after = {id(generated): [1, 1, 1, 2], id(short): [1, 1, 1, 1], id(long): [1, 1, 2, 2]}
    found = [generated, short, long, *elsewhere]
    run = SimpleNamespace(records=found, outcomes=lambda one: outcomes([0] * 4, after.get(id(one), [3] * 4)))
    ((which, count, share, distance, _),) = changed_decisions.rows(run)
    assert (which, count, share, distance) == (generated, 4, 0.75, 0.25)
