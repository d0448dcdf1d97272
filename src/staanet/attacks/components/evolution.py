"""Differential evolution of one population per clip (R. Storn, K. Price, Journal of Global Optimization 11, 1997)."""

from collections.abc import Callable

import torch
from torch import Tensor

from staanet.core.seeds import ClipRandom

Fitness = Callable[[Tensor, Tensor], Tensor]
"""Maps genes `[b, P, D]` in [0, 1) of the clips with the indices `[b]` to fitness values `[b, P]`. An infinite value
ends the search for its clip."""

MUTATION = (0.5, 1.0)
"""Range of the mutation factor, which is drawn anew for each clip and generation."""
MIN_POPULATION = 4
"""Smallest population: each individual needs two others and the best one."""


def evolve(fitness: Fitness, dimensions: int, population: int, generations: int, random: ClipRandom) -> Tensor:
    """Return the genes `[B, D]` in [0, 1) with the highest fitness found for each clip.

    The strategy is `best1` without crossover. A trial is the best individual plus the difference of two random ones
    times the mutation factor; it replaces its parent if its fitness is higher. Genes outside [0, 1) are drawn anew.
    The first generation is a Latin hypercube. The search for a clip ends at an infinite fitness.

    Args:
        fitness: Function to maximise; it is called once per generation, the first included.
        dimensions: Number of genes D of an individual.
        population: Number of individuals P per clip, at least 4.
        generations: Largest number of generations.
        random: Random streams of the clips.

    >>> from staanet.core.seeds import ClipRandom
    >>> random = ClipRandom(0, torch.tensor([[0.1]]), torch.tensor([1]))
    >>> evolve(lambda genes, rows: -(genes - 0.25).abs().sum(2), 2, 30, 30, random).round(decimals=2)
    tensor([[0.2500, 0.2500]])
    """
    draws = random.uniform(population, 2 * dimensions)
    rows = torch.arange(len(draws), device=draws.device)
    strata, inside = draws.split(dimensions, dim=2)
    trials: Tensor = (strata.argsort(1) + inside) / population  # [B, P, D]
    genes, values = trials, torch.full_like(draws[:, :, 0], -torch.inf)
    best = trials[:, 0].clone()
    for generation in range(generations):
        if generation:
            trials = _trials(genes, best[rows], random.select(rows))
        new = fitness(trials, rows)
        better = new > values
        genes, values = torch.where(better[:, :, None], trials, genes), torch.where(better, new, values)
        highest = values.max(1)
        best[rows] = genes[torch.arange(len(rows), device=rows.device), highest.indices]
        left = highest.values < torch.inf
        rows, genes, values = rows[left], genes[left], values[left]
        if not len(rows):
            break
    return best


def _trials(genes: Tensor, best: Tensor, random: ClipRandom) -> Tensor:
    """Return one trial for each individual of genes `[b, P, D]`; `best` `[b, D]` are the best individuals."""
    size, dimensions = genes.shape[1:]
    draws = random.uniform(size, 2 + dimensions)
    first = (draws[:, :, 0] * (size - 1)).long()  # offsets from an individual to two others
    second = (draws[:, :, 1] * (size - 2)).long()
    second = second + (second >= first)
    own = torch.arange(size, device=genes.device)

    def other(offsets: Tensor) -> Tensor:
        return genes.gather(1, ((own + 1 + offsets) % size)[:, :, None].expand(-1, -1, dimensions))

    low, high = MUTATION
    factor = low + (high - low) * random.uniform(1, 1)  # [b, 1, 1]
    trials = best[:, None] + factor * (other(first) - other(second))
    return torch.where((trials >= 0) & (trials < 1), trials, draws[:, :, 2:])
