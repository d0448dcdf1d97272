"""The bounds of Clopper and Pearson against known answers and by simulation."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from staanet.certificates import least_draws, lower_bound, upper_bound


@pytest.mark.parametrize("votes", [0, 1, 37, 99, 100])
def test_bounds_are_those_of_an_exact_test(votes):
    exact = binomtest(votes, 100).proportion_ci(1 - 2 * 0.01, method="exact")
    assert lower_bound(votes, 100, 0.01) == pytest.approx(exact.low, abs=1e-9)
    assert upper_bound(votes, 100, 0.01) == pytest.approx(exact.high, abs=1e-9)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.83, 0.99])
@pytest.mark.parametrize("draws", [20, 300])
def test_a_bound_is_wrong_at_most_as_often_as_it_says(p, draws):
    """The exact probability that the bound misses, summed over all outcomes."""
    chances = binom.pmf(np.arange(draws + 1), draws, p)
    above = sum(chances[k] for k in range(draws + 1) if lower_bound(k, draws, 0.05) > p)
    below = sum(chances[k] for k in range(draws + 1) if upper_bound(k, draws, 0.05) < p)
    assert above <= 0.05
    assert below <= 0.05
    assert lower_bound(draws, draws, 0.05) > 0.86  # not so low that it says nothing


@pytest.mark.parametrize(("share", "alpha"), [(0.5, 0.001), (0.55, 0.01), (0.9, 0.05)])
def test_the_least_number_of_draws_is_the_least(share, alpha):
    least = least_draws(share, alpha)
    assert lower_bound(least, least, alpha) > share
    assert lower_bound(least - 1, least - 1, alpha) <= share
