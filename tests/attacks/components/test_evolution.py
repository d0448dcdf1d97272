import numpy as np
import pytest
import torch
from scipy.optimize import differential_evolution

from staanet.attacks.components.evolution import evolve
from staanet.core.seeds import ClipRandom


def test_begins_with_a_latin_hypercube_and_stays_in_range():
    generations = []

    def fitness(genes, rows):  # noqa: ARG001
        generations.append(genes)
        return genes.sum(2)

    random = ClipRandom(0, torch.ones(2, 5), torch.tensor([5, 4]))
    evolve(fitness, 3, population=20, generations=6, random=random)
    assert len(generations) == 6
    strata = (generations[0] * 20).long().sort(dim=1).values
    assert torch.equal(strata, torch.arange(20)[None, :, None].expand(2, 20, 3))
    for genes in generations:
        assert genes.shape == (2, 20, 3)
        assert (genes >= 0).all()
        assert (genes < 1).all()


def test_returns_the_best_it_evaluated_and_ends_at_an_infinite_fitness():
    seen = {0: [], 1: []}

    def fitness(genes, rows):
        values = -(genes - 0.3).norm(dim=2)
        for row, each in zip(rows.tolist(), values, strict=True):
            seen[row].append(each.max())
        return torch.where((rows[:, None] == 1) & (values > -0.2), torch.inf, values)

    random = ClipRandom(0, torch.ones(2, 5), torch.tensor([5, 4]))
    best = evolve(fitness, 2, population=10, generations=40, random=random)
    distances = (best - 0.3).norm(dim=1)
    assert float(distances[0]) == pytest.approx(-float(max(seen[0])))
    assert float(distances[0]) < 0.01
    assert float(distances[1]) <= 0.2
    assert len(seen[0]) == 40 > len(seen[1])


def rugged(points):
    """A function of `[..., D]` in [0, 1) with many maxima and the highest, 0, at 0.4 in every dimension."""
    away = (points - 0.4) * 8
    return -(away**2 + 4 * (1 - np.cos(2 * np.pi * away))).sum(-1)


def test_is_as_good_as_scipy():
    dimensions, population, generations, runs = 4, 40, 25, 40
    random = ClipRandom(0, torch.arange(1.0, runs + 1)[:, None], torch.ones(runs, dtype=torch.int64))
    ours = evolve(lambda genes, _: torch.from_numpy(rugged(genes.numpy())), dimensions, population, generations, random)
    highest = rugged(ours.numpy())
    theirs = [
        -differential_evolution(
            lambda points: -rugged(points.T),
            [(0, 1)] * dimensions,
            strategy="best1bin",
            recombination=1,
            mutation=(0.5, 1),
            popsize=population // dimensions,
            maxiter=generations - 1,
            tol=0,
            atol=-1,
            polish=False,
            updating="deferred",
            vectorized=True,
            rng=seed,
        ).fun
        for seed in range(runs)
    ]
    spread = np.std(np.concatenate([highest, theirs])) * np.sqrt(2 / runs)
    assert abs(highest.mean() - np.mean(theirs)) <= 3 * spread
