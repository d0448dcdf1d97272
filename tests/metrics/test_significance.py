"""Tests of differences against all ways counted by hand, and Holm's correction by hand."""

import itertools

import numpy as np
import pytest
from scipy import stats

from staanet.metrics.intervals import by_speaker
from staanet.metrics.significance import both_sources, by_permutation, holm, speaker_test, welch


def by_hand(values, speakers, groups):
    """Return the p-value over all assignments of the speakers to the first group, twice the smaller tail."""
    values, speakers = np.asarray(values), np.asarray(speakers)
    names = sorted(set(speakers))
    first = {name for name, group in zip(speakers, groups, strict=True) if group == min(groups)}

    def difference(chosen):
        inside = np.isin(speakers, list(chosen))
        return values[inside].mean() - values[~inside].mean()

    seen = difference(first)
    ways = np.array([difference(chosen) for chosen in itertools.combinations(names, len(first))])
    tails = [(ways >= seen - 1e-12).mean(), (ways <= seen + 1e-12).mean()]
    return min(1.0, 2 * min(tails))


@pytest.mark.parametrize("seed", range(4))
def test_every_assignment_of_the_speakers_counts(seed):
    random = np.random.default_rng(seed)
    speakers = [f"s{number}" for number in random.integers(0, 8, 60)] + [f"s{number}" for number in range(8)]
    groups = ["male" if name < "s4" else "female" for name in speakers]
    values = random.integers(0, 2, len(speakers)).astype(np.float64) + np.array([name < "s4" for name in speakers])
    assert by_permutation(values, speakers, groups) == pytest.approx(by_hand(values, speakers, groups))


def test_speakers_are_permuted_not_clips():
    """A hundred clips of each of four speakers say no more than four values do."""
    speakers = np.repeat(["a", "b", "c", "d"], 100)
    values, groups = np.repeat([1.0, 1.0, 0.0, 0.0], 100), np.repeat(["male", "male", "female", "female"], 100)
    assert by_permutation(values, list(speakers), list(groups)) == pytest.approx(2 / 6)


def test_of_many_ways_some_are_drawn_which_repeat_and_come_close_to_the_t_test():
    speakers = [f"s{number:02d}" for number in range(24)]
    groups = ["male" if number % 2 else "female" for number in range(24)]
    men = np.array([group == "male" for group in groups])
    values = np.random.default_rng(0).random(24) + 0.3 * men
    p = by_permutation(values, speakers, groups)
    assert p == pytest.approx(stats.ttest_ind(values[men], values[~men]).pvalue, abs=0.03)
    assert p == by_permutation(values, speakers, groups)


@pytest.mark.parametrize("groups", [["male"] * 4, ["male", "female", "female", "female"]])
def test_a_group_of_fewer_than_two_speakers_decides_nothing(groups):
    assert by_permutation(np.ones(4), ["a", "b", "c", "d"], groups) is None


@pytest.mark.parametrize(
    ("given", "corrected"),
    [([], []), ([0.2], [0.2]), ([0.01, 0.02, 0.03, 0.5], [0.04, 0.06, 0.06, 0.5]), ([0.4, 0.9], [0.8, 0.9])],
)
def test_holm_by_hand(given, corrected):
    assert holm(given) == pytest.approx(corrected)


def test_holm_keeps_the_order_and_never_lowers():
    p_values = np.random.default_rng(1).random(30)
    corrected = np.array(holm(list(p_values)))
    assert (corrected >= p_values).all()
    assert (np.diff(corrected[p_values.argsort()]) >= 0).all()
    assert corrected[p_values.argmin()] == pytest.approx(min(1.0, 30 * p_values.min()))


@pytest.mark.parametrize("seed", range(10))
def test_the_test_by_speaker_agrees_with_the_interval_by_speaker(seed):
    random = np.random.default_rng(seed)
    speakers = list(np.repeat([f"s{number}" for number in range(9)], 5))
    differences = np.clip(random.integers(-1, 2, 45) + np.repeat(random.integers(0, 2, 9), 5), -1.0, 1.0)
    low, high = by_speaker(differences, speakers, low=-1.0)
    assert (speaker_test(differences, speakers) < 0.05) == (not low <= 0 <= high)


def test_speakers_who_all_agree_are_told_from_those_without_a_difference():
    speakers = ["a", "a", "b", "b"]
    assert speaker_test(np.array([1.0, 0, 0, 1]), speakers) == 0
    assert speaker_test(np.array([1.0, -1, 0, 0]), speakers) == 1


def test_welch_by_hand():
    one, two = np.array([0.4, 0.5, 0.6, 0.5]), np.array([0.8, 0.9])
    parts = np.array([one.var(ddof=1) / 4, two.var(ddof=1) / 2])
    freedom = parts.sum() ** 2 / (parts[0] ** 2 / 3 + parts[1] ** 2 / 1)
    half = stats.t.ppf(0.975, freedom) * parts.sum() ** 0.5
    (low, high), p_value = welch(one, two)
    assert (low, high) == pytest.approx((0.35 - half, 0.35 + half))
    assert p_value == pytest.approx(2 * stats.t.sf(0.35 / parts.sum() ** 0.5, freedom))


def test_welch_without_a_spread_has_no_width():
    assert welch(np.array([0.5, 0.5]), np.array([0.75, 0.75])) == ((0.25, 0.25), 0.0)
    assert welch(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == ((0.0, 0.0), 1.0)


def test_an_interval_of_two_sources_covers_both():
    """Trainings and clips vary at once: the interval of 95 % of the differences, not of the larger source alone."""
    random = np.random.default_rng(0)
    hits = []
    for _ in range(2000):
        found = 0.1 + random.normal(0, 0.05) + random.normal(0, 0.05)
        each = (found - 1.96 * 0.05, found + 1.96 * 0.05)
        (low, high), p_value = both_sources(found, each, each)
        assert (p_value < 0.05) == (not low <= 0 <= high)
        hits.append(low <= 0.1 <= high)
    assert np.mean(hits) == pytest.approx(0.95, abs=0.015)


def test_an_interval_without_a_second_source_is_that_of_the_first():
    assert both_sources(0.2, (0.1, 0.3), (0.2, 0.2))[0] == pytest.approx((0.1, 0.3))
    assert both_sources(0.0, (0.0, 0.0), (0.0, 0.0)) == ((0.0, 0.0), 1.0)
    assert both_sources(0.2, (0.2, 0.2), (0.2, 0.2)) == ((0.2, 0.2), 0.0)
