import estimates
import made_up_results
import numpy as np
import pytest

from staanet.core.errors import StaanetError


def values(*shares, folds=1, **options):
    clips = [
        estimates.Clip(fold, row)
        for fold, share in enumerate(shares * folds if len(shares) == 1 else shares)
        for row in made_up_results.clips(share, fold=fold, **options)
    ]
    return estimates.estimate(np.array([clip.fooled for clip in clips]), clips)


def test_one_fold_has_no_interval_by_fold_and_decides_nothing_about_other_trainings():
    own = values(1.0)
    assert (own.mean, own.n, own.fold_ci, own.by_fold) == (1.0, 40, None, (1.0,))
    assert (own.speaker_sign, own.sign) == (1, 0)


def test_both_intervals_must_exclude_zero():
    agreeing, differing = values(0.5, 0.6, 0.55), values(0.9, 0.1, 0.1)
    assert (agreeing.speaker_sign, agreeing.sign) == (1, 1)
    assert agreeing.by_fold == pytest.approx((0.5, 0.6, 0.6))
    assert differing.mean == pytest.approx(11 / 30)
    assert (differing.speaker_sign, differing.sign) == (1, 0)


def test_the_interval_by_speaker_is_that_of_the_textbook():
    clips = [estimates.Clip(0, {"speaker": str(number // 50)}) for number in range(200)]
    own = estimates.estimate(np.repeat([0.2, 0.4, 0.4, 0.6], 50), clips)
    half = 3.182446 * np.sqrt(np.var([0.2, 0.4, 0.4, 0.6], ddof=1) / 4)
    assert own.speaker_ci == pytest.approx((0.4 - half, 0.4 + half), abs=1e-6)


def test_clips_that_agree_keep_an_interval():
    low, high = values(0.0).speaker_ci
    assert low < 0 < high


def test_differences_are_those_of_common_clips():
    first = made_up_results.case("one", made_up_results.clips(0.5))
    other = made_up_results.case("other", made_up_results.clips(0.2)[:20])
    results = made_up_results.results(first, other)
    own = estimates.difference(results, *results.records)
    assert (own.n, own.mean) == (20, pytest.approx(0.3))
    strangers = made_up_results.results(first, made_up_results.case("other", made_up_results.clips(0.2, fold=7)))
    with pytest.raises(StaanetError, match="clips that both one and other attacked"):
        estimates.difference(strangers, *strangers.records)


def test_excess_is_paired_and_belongs_to_each_fold():
    folds = [made_up_results.clips(share, controls=0.2, fold=fold) for fold, share in enumerate((0.7, 0.5))]
    results = made_up_results.results(made_up_results.case("one", *folds))
    own = estimates.excess(results, results.records[0])
    assert own.mean == pytest.approx(0.4)
    assert own.by_fold == pytest.approx((0.5, 0.3))
    assert str(own).startswith("40.0 [")
    assert ", by fold [" in str(own)


def test_means_over_folds_are_weighted_by_clips():
    parts = [made_up_results.part("one", 0, made_up_results.clips(1.0, speakers=n)) for n in (1, 3)]
    assert estimates.weighted(parts, [0.0, 1.0]) == 0.75
