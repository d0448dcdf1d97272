"""What intervals promise where clips of one speaker resemble each other, and what so many clips can tell apart."""

import math

import numpy as np
import pytest
from scipy import stats

from staanet.metrics import SPEAKERS, beyond_clips, detectable, paired, sign_test, wilson
from staanet.metrics.intervals import by_fold, by_speaker, stratified

REPETITIONS = 300


def spoken(random, speakers=12, clips=(5, 40)):
    """Return who says each clip: every speaker some number of them."""
    return np.repeat(np.arange(speakers), random.integers(*clips, speakers))


def half_width(interval):
    return (interval[1] - interval[0]) / 2


# ------------------------------------------------------------------ by speaker


def test_by_speaker_equals_the_sum_over_all_pairs_of_clips_that_share_a_speaker():
    random = np.random.default_rng(0)
    speakers = spoken(random)
    values = random.integers(0, 2, len(speakers)) * 0.5 + 0.01 * speakers
    n, residuals = len(values), values - values.mean()
    together = sum(residuals[i] * residuals[j] for i in range(n) for j in range(n) if speakers[i] == speakers[j])
    half = stats.t.ppf(0.975, 11) * math.sqrt(12 / 11 * together) / n
    assert by_speaker(values, speakers, low=0.0) == pytest.approx((values.mean() - half, values.mean() + half))


def test_by_speaker_is_students_interval_of_the_speakers_means_where_all_say_as_many():
    random = np.random.default_rng(1)
    values = random.uniform(0, 1, 90)
    expected = stats.ttest_1samp(values.reshape(9, 10).mean(1), 0).confidence_interval(0.95)
    found = by_speaker(values, [name for name in "abcdefghi" for _ in range(10)], low=0.0)
    assert found == pytest.approx((expected.low, expected.high))


def test_by_speaker_asks_for_names_in_no_order():
    random = np.random.default_rng(2)
    speakers = spoken(random)
    values, order = random.uniform(0, 1, len(speakers)), random.permutation(len(speakers))
    names = [f"speaker {number}" for number in speakers]
    again = by_speaker(values[order], [names[i] for i in order], low=0.0)
    assert by_speaker(values, names, low=0.0) == pytest.approx(again)


def test_by_speaker_stays_within_what_a_value_can_be():
    values = np.array([1.0] * 9 + [0.0])
    low, high = by_speaker(values, list("aabbccddee"), low=0.0)
    assert high == 1
    assert by_speaker(-values, list("aabbccddee"), low=-1.0) == pytest.approx((-1, -low))


def test_by_speaker_covers_where_speakers_differ_and_wilson_does_not():
    random = np.random.default_rng(3)
    covered = np.zeros(2)
    for _ in range(REPETITIONS):
        speakers = spoken(random, clips=(20, 21))
        shares = random.beta(1, 1, 12)  # the effect of the speaker; 0.5 on average
        values = (random.uniform(size=len(speakers)) < shares[speakers]).astype(np.float64)
        labels = random.integers(0, 4, len(values))
        independent = wilson(values.mean(), len(values))
        for i, (low, high) in enumerate((independent, beyond_clips(values, labels, speakers, independent, low=0.0))):
            covered[i] += low <= 0.5 <= high
    clips_alone, let_speakers_differ = covered / REPETITIONS
    assert let_speakers_differ >= 0.9
    assert clips_alone < 0.7


# ------------------------------------------------------------------ by fold


def test_by_fold_is_students_interval_of_the_folds_means_where_all_have_as_many_clips():
    random = np.random.default_rng(9)
    values = np.clip(random.uniform(0, 0.2, 100) + np.repeat([0.1, 0.4, 0.8, 0.4, 0.35], 20), 0, 1)
    expected = stats.ttest_1samp(values.reshape(5, 20).mean(1), 0).confidence_interval(0.95)
    assert by_fold(values, np.repeat(range(5), 20).tolist(), low=0.0) == pytest.approx((expected.low, expected.high))


def test_folds_that_agree_by_chance_give_no_narrower_interval_than_independent_clips():
    values, folds = np.array([0.0, 1.0] * 20), [0] * 20 + [1] * 20
    assert by_fold(values, folds, low=0.0) == wilson(0.5, 40)
    assert by_fold(values - 0.5, folds, low=-1.0) == paired(values - 0.5)


def test_by_fold_weights_folds_by_their_clips():
    values, folds = np.array([0.0] * 30 + [0.5] * 10 + [0.2] * 20), [7] * 30 + [1] * 10 + [4] * 20
    mean = values.mean()
    sums = [30 * (0.0 - mean), 10 * (0.5 - mean), 20 * (0.2 - mean)]
    half = stats.t.ppf(0.975, 2) * math.sqrt(3 / 2 * sum(one**2 for one in sums)) / 60
    assert by_fold(values, folds, low=-1.0) == pytest.approx((mean - half, mean + half))
    assert by_fold(values, folds, low=0.0)[0] == 0


def test_by_fold_covers_other_trainings_where_by_speaker_does_not():
    random = np.random.default_rng(10)
    covered = np.zeros(2)
    for _ in range(REPETITIONS):
        shares = np.clip(random.normal(0.5, 0.15, 5), 0, 1)  # the effect of the training of each fold
        folds = np.repeat(range(5), 80)
        values = (random.uniform(size=400) < shares[folds]).astype(np.float64)
        speakers = np.repeat(range(10), 40).tolist()
        found = by_speaker(values, speakers, low=0.0), by_fold(values, folds.tolist(), low=0.0)
        covered += [low <= 0.5 <= high for low, high in found]
    assert covered[1] / REPETITIONS >= 0.92
    assert covered[0] < covered[1]


# ------------------------------------------------------------------ clips within their classes


def test_stratified_keeps_the_share_of_each_class():
    labels = np.repeat([0, 1, 2], [10, 25, 5])
    values = np.array([0.0, 1.0, 0.5])[labels]
    assert stratified(values, labels) == pytest.approx((values.mean(), values.mean()))
    low, high = stratified(values, np.zeros(40, dtype=np.int64))
    assert low < values.mean() < high


def test_stratified_equals_the_binomial_quantiles_in_one_class():
    values = np.tile([0.0, 1.0], 50)
    expected = stats.binom.ppf((0.025, 0.975), 100, 0.5) / 100
    assert stratified(values, np.zeros(100, dtype=np.int64)) == pytest.approx(tuple(expected), abs=0.011)


def test_stratified_adds_up_the_variances_of_the_classes():
    random = np.random.default_rng(4)
    labels = np.repeat([0, 1], [300, 100])
    values = np.where(labels == 0, random.uniform(0, 1, 400), random.uniform(0, 0.1, 400))
    error = math.sqrt(sum(values[labels == label].var() * (labels == label).sum() for label in (0, 1))) / 400
    assert half_width(stratified(values, labels)) == pytest.approx(1.96 * error, rel=0.1)


def test_stratified_gives_the_same_bits_for_the_same_seed():
    values, labels = np.random.default_rng(5).uniform(0, 1, 30), np.arange(30) % 3
    assert stratified(values, labels) == stratified(values, labels)
    assert stratified(values, labels) != stratified(values, labels, seed=1)


# ------------------------------------------------------------------ beyond clips


@pytest.mark.parametrize("speakers", [SPEAKERS - 1, SPEAKERS])
def test_beyond_clips_spans_both_of_its_intervals(speakers):
    random = np.random.default_rng(6)
    names = np.arange(20 * speakers) % speakers
    values, labels = (random.uniform(size=len(names)) < names / speakers).astype(np.float64), names % 2
    other = stratified(values, labels) if speakers < SPEAKERS else by_speaker(values, names, low=0.0)
    for independent in ((other[0] - 0.01, other[1] - 0.01), (other[0] + 0.01, other[1] + 0.01), (0.49, 0.5)):
        found = beyond_clips(values, labels, names, independent, low=0.0)
        assert found == (min(independent[0], other[0]), max(independent[1], other[1]))


def test_a_difference_that_one_speaker_carries_may_be_below_zero():
    names = np.repeat(np.arange(10), 10)
    differences = (names == 0).astype(np.float64)
    assert paired(differences)[0] > 0
    low, high = beyond_clips(differences, names % 2, names, paired(differences), low=-1.0)
    assert low == pytest.approx(0.1 - (high - 0.1))
    assert low < 0
    assert beyond_clips(differences, names % 2, names, paired(differences), low=0.0)[0] == 0


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("speakers", [1, 10])
def test_a_share_of_none_or_all_still_has_a_width(share, speakers):
    values = np.full(40, share)
    names = np.arange(40) % speakers
    assert beyond_clips(values, names, names, wilson(share, 40), low=0.0) == wilson(share, 40)


def test_wilsons_interval_holds_its_own_share():
    for n in range(1, 200):
        assert wilson(0.0, n)[0] == 0
        assert wilson(1.0, n)[1] == 1


def test_one_clip_has_every_interval():
    one = np.array([1.0])
    assert stratified(one, np.array([3])) == (1, 1)
    assert beyond_clips(one, np.array([3]), ["a"], wilson(1.0, 1), low=0.0) == wilson(1.0, 1)
    assert paired(one)[0] < 0
    assert detectable(one) > 1


# ------------------------------------------------------------------ attack against attack


def test_what_is_called_detectable_is_seen_in_four_of_five_repetitions():
    """Pairs of which 30 % differ, by as much as is detectable in 200 of them."""
    n, differing = 200, 0.3
    difference = 2.8016 * math.sqrt(differing / (n + 2.8016**2))
    random = np.random.default_rng(7)
    shares = [(differing - difference) / 2, 1 - differing, (differing + difference) / 2]
    samples = random.choice([-1.0, 0.0, 1.0], size=(2000, n), p=shares)
    assert np.mean([detectable(sample) for sample in samples]) == pytest.approx(difference, rel=0.03)
    seen = samples.mean(1) > 1.96 * samples.std(1) / math.sqrt(n)
    assert seen.mean() == pytest.approx(0.8, abs=0.03)
    assert np.mean([sign_test(sample) < 0.05 for sample in samples[:500]]) == pytest.approx(0.8, abs=0.07)


def test_four_times_the_clips_show_half_the_difference():
    differences = np.tile([-1.0, 0.0, 0.0, 1.0, 1.0], 100)
    assert detectable(np.tile(differences, 4)) == pytest.approx(detectable(differences) / 2, rel=0.01)
    assert detectable(differences) == pytest.approx((1.959964 + 0.841621) * math.sqrt(0.56 / 500), rel=0.01)


@pytest.mark.parametrize(
    ("more", "less", "by_hand"),
    [(5, 0, 2 / 32), (8, 2, 2 * (1 + 10 + 45) / 1024), (3, 3, 1.0), (1, 0, 1.0), (0, 0, 1.0)],
)
def test_the_sign_test_counts_the_clips_that_one_alone_changed(more, less, by_hand):
    differences = np.array([1.0] * more + [-1.0] * less + [0.0] * 7)
    assert sign_test(differences) == pytest.approx(by_hand)
    assert sign_test(-differences) == pytest.approx(by_hand)


def test_the_sign_test_equals_scipys_of_two_lists_of_clips():
    random = np.random.default_rng(8)
    one, other = random.integers(0, 2, (2, 150))
    alone = (one > other).sum(), (other > one).sum()
    assert sign_test((one - other).astype(np.float64)) == pytest.approx(stats.binomtest(alone[0], sum(alone)).pvalue)
