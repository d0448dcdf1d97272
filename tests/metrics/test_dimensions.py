"""CCC and RMSE: known answers, an independent formula, refusals, and the interval."""

import numpy as np
import pytest

from staanet.core.errors import StaanetError
from staanet.metrics.dimensions import ccc, ccc_interval, check_ratings, rmse


def test_equal_values_agree_and_negated_ones_do_not():
    ratings = np.array([0.1, 0.5, 0.9])
    assert ccc(ratings, ratings) == 1
    assert ccc(1 - ratings, ratings) == pytest.approx(-1)
    assert ccc(np.full(3, 0.5), ratings) == 0


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_correlation_times_the_agreement_of_mean_and_spread(seed):
    random = np.random.default_rng(seed)
    ratings = random.uniform(size=30)
    outputs = 0.7 * ratings + 0.2 + random.normal(size=30) / 10
    ratio = outputs.std() / ratings.std()
    shift = (outputs.mean() - ratings.mean()) / np.sqrt(outputs.std() * ratings.std())
    agreement = 2 / (ratio + 1 / ratio + shift**2)
    assert ccc(outputs, ratings) == pytest.approx(np.corrcoef(outputs, ratings)[0, 1] * agreement)


def test_it_is_that_of_the_published_formula_with_numbers_by_hand():
    # means 2 and 3, variances 2/3 and 8/3, covariance 4/3
    assert ccc(np.array([1.0, 2, 3]), np.array([1.0, 3, 5])) == pytest.approx(2 * (4 / 3) / (2 / 3 + 8 / 3 + 1))


OUTPUTS = np.array([0.31, 0.52, 0.44, 0.78, 0.12, 0.66, 0.95, 0.40])
RATINGS = np.array([0.25, 0.60, 0.35, 0.90, 0.20, 0.50, 0.85, 0.45])


def test_figures_are_those_of_audmetric():
    """What audmetric 1.4.2 gave: `concordance_cc`, and the root of `mean_squared_error`."""
    assert ccc(OUTPUTS, RATINGS) == pytest.approx(0.9203310915675114, abs=1e-12)
    assert ccc(1 - OUTPUTS, RATINGS) == pytest.approx(-0.9118400820092258, abs=1e-12)
    assert rmse(OUTPUTS, RATINGS) == pytest.approx(0.09810708435174292, abs=1e-12)


def test_the_error_is_the_root_of_the_mean_square():
    assert rmse(np.array([0.0, 3.0]), np.array([4.0, 0.0])) == pytest.approx(np.sqrt(12.5))


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ([0.5, 0.6], "3 clips or more for a CCC, got 2"),
        ([0.5, 0.5, 0.5], "ratings that differ, got 0.5 for every clip"),
        ([0.5, 0.6, np.nan], "finite ratings"),
    ],
)
def test_ratings_without_a_ccc_are_refused(ratings, message):
    with pytest.raises(StaanetError, match=message):
        check_ratings(np.array(ratings))


def test_outputs_that_are_not_finite_are_refused():
    with pytest.raises(StaanetError, match="finite output"):
        ccc(np.array([0.1, np.inf, 0.2]), np.array([0.1, 0.2, 0.3]))


@pytest.mark.parametrize("count", [4, 20])
def test_the_interval_contains_the_value_and_is_wider_for_speakers_who_differ(count):
    random = np.random.default_rng(1)
    speakers = [str(number % count) for number in range(200)]
    ratings = random.uniform(size=200)
    own = random.normal(size=count) / 5
    outputs = ratings + np.array([own[int(name)] for name in speakers])
    low, high = ccc_interval(outputs, ratings, speakers)
    assert low < ccc(outputs, ratings) < high
    if count >= 8:
        apart = ccc_interval(outputs, ratings, [str(number) for number in range(200)])
        assert high - low > apart[1] - apart[0]
