"""Metrics against independent formulas, and their edge cases."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import accuracy_score, recall_score

from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.metrics import (
    METRICS,
    Outcome,
    asr_by_class,
    asr_by_prediction,
    comb_share,
    counts,
    observe,
    paired,
    summary,
    wilson,
)
from staanet.metrics.outcome import CONTROL_DRAWS, matched_noise


def outcome(labels, clean, adv, control=None, **columns):
    n = len(labels)
    ones = np.ones(n)
    values = {
        "margin_clean": ones,
        "margin_adv": -ones,
        "length": np.full(n, 100),
        "l0": np.full(n, 10),
        "linf": 0.1 * ones,
        "l2": 0.2 * ones,
        "l1": 0.5 * ones,
        "confidence_clean": 0.9 * ones,
        "confidence_adv": 0.7 * ones,
        "snr_peak_db": 20 * ones,
        "snr_energy_db": 10 * ones,
    }
    return Outcome(
        ids=tuple(f"{i:03d}" for i in range(n)),
        labels=np.array(labels),
        predicted_clean=np.array(clean),
        predicted_adv=np.array(adv),
        predicted_control=np.array(control if control is not None else [[c] * CONTROL_DRAWS for c in clean]),
        classes=4,
        **{**values, **columns},
    )


@pytest.fixture
def mixed():
    rng = np.random.default_rng(0)
    labels, clean, adv = rng.integers(0, 3, (3, 60))
    return outcome(labels, clean, adv, rng.integers(0, 3, (60, CONTROL_DRAWS)))


def test_success_counts_by_hand():
    found = outcome(
        labels=[0, 0, 1, 2],
        clean=[0, 1, 1, 2],
        adv=[1, 1, 0, 2],
        control=[[0, 0, 1], [1, 1, 1], [1, 0, 0], [2, 2, 2]],
    )
    values = summary(found)
    assert values["robust_accuracy"] == 1 / 4
    assert values["robust_uar"] == pytest.approx((0 / 2 + 0 / 1 + 1 / 1) / 3)
    assert values["chance"] == 1 / 4
    assert values["asr"] == 2 / 4
    assert values["asr_correct"] == 2 / 3
    assert values["asr_control"] == pytest.approx((1 / 3 + 0 + 2 / 3 + 0) / 4)
    assert values["asr_excess"] == pytest.approx(0.5 - 0.25)
    assert asr_by_class(found) == [0.5, 1.0, 0.0, None]
    assert asr_by_prediction(found) == [1.0, 0.5, 0.0, None]
    assert counts(found.predicted_adv, 4) == [1, 2, 1, 0]


def test_the_summary_begins_with_what_matters_most(mixed):
    first = ["robust_accuracy", "robust_uar", "chance", "asr", "asr_control", "asr_excess"]
    assert list(summary(mixed))[:6] == first
    assert list(METRICS)[:5] == [name for name in first if name != "chance"]


def test_a_clip_that_the_attack_corrects_does_not_count_as_robust():
    corrected = outcome(labels=[0, 1], clean=[1, 1], adv=[0, 1])
    assert METRICS["accuracy_adv"](corrected) == 1
    assert METRICS["robust_accuracy"](corrected) == METRICS["robust_uar"](corrected) == 1 / 2
    all_fooled = outcome(labels=[0, 1, 1], clean=[1, 1, 1], adv=[0, 0, 0])
    assert (METRICS["asr_correct"](all_fooled), METRICS["accuracy_adv"](all_fooled)) == (1, 1 / 3)
    assert METRICS["robust_accuracy"](all_fooled) == METRICS["robust_uar"](all_fooled) == 0


def test_robust_accuracy_is_clean_accuracy_times_what_the_attack_leaves(mixed):
    values = summary(mixed)
    assert values["robust_accuracy"] == pytest.approx(values["accuracy_clean"] * (1 - values["asr_correct"]))
    assert values["robust_accuracy"] <= min(values["accuracy_clean"], values["accuracy_adv"])


def test_robust_recall_equals_scikit_learns_with_fooled_clips_as_errors(mixed):
    present = np.unique(mixed.labels)
    predicted = np.where(mixed.fooled, 3, mixed.predicted_clean)  # no clip has the class 3
    recall = recall_score(mixed.labels, predicted, labels=present, average="macro")
    assert METRICS["robust_uar"](mixed) == pytest.approx(recall)


def test_recall_and_accuracy_equal_scikit_learns(mixed):
    present = np.unique(mixed.labels)
    for suffix, predicted in (("clean", mixed.predicted_clean), ("adv", mixed.predicted_adv)):
        recall = recall_score(mixed.labels, predicted, labels=present, average="macro")
        assert METRICS[f"uar_{suffix}"](mixed) == pytest.approx(recall)
        assert METRICS[f"accuracy_{suffix}"](mixed) == pytest.approx(accuracy_score(mixed.labels, predicted))


def test_absent_classes_do_not_count():
    assert METRICS["uar_clean"](outcome([0, 0, 3], [0, 1, 3], [0, 0, 0])) == pytest.approx((0.5 + 1) / 2)


def test_none_fooled_and_none_correct_are_undefined_where_they_must_be():
    values = summary(outcome([0, 1], [1, 0], [1, 0]))
    assert values["asr"] == 0
    assert values["asr_correct"] is None
    assert values["snr_peak_db_fooled"] is None
    assert values["sparsity_fooled"] is None
    assert values["sparsity"] == pytest.approx(0.1)


def test_fooled_means_are_over_the_fooled():
    found = outcome([0, 0], [0, 0], [1, 0], snr_peak_db=np.array([10.0, 30.0]), l0=np.array([5, 50]))
    values = summary(found)
    assert values["snr_peak_db"] == 20
    assert values["snr_peak_db_fooled"] == 10
    assert values["sparsity_fooled"] == 0.05


@pytest.mark.parametrize(("share", "n"), [(0.0, 5), (0.1, 40), (0.5, 100), (0.97, 1000), (1.0, 3)])
def test_wilson_equals_scipys(share, n):
    expected = stats.binomtest(round(share * n), n).proportion_ci(method="wilson")
    assert wilson(round(share * n) / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_paired_interval_equals_bonett_and_prices():
    both, only_attack, only_control, neither = 10, 30, 4, 56
    differences = np.array([0.0] * (both + neither) + [1.0] * only_attack + [-1.0] * only_control)
    n = len(differences)
    p12, p21 = (only_attack + 1) / (n + 2), (only_control + 1) / (n + 2)
    half = stats.norm.ppf(0.975) * math.sqrt((p12 + p21 - (p12 - p21) ** 2) / (n + 2))
    assert paired(differences) == pytest.approx((p12 - p21 - half, p12 - p21 + half))


def test_the_paired_interval_covers():
    rng = np.random.default_rng(1)
    truth = 0.3 - 0.1
    covered = 0
    for _ in range(1000):
        differences = (rng.random(80) < 0.3).astype(float) - (rng.random(80) < 0.1)
        low, high = paired(differences)
        covered += low <= truth <= high
    assert 0.93 <= covered / 1000 <= 0.98


@pytest.fixture
def model():
    with seeded("weights"):
        weights = torch.randn(3, 400)
    return lambda waveforms: waveforms @ weights.T


@pytest.fixture
def speech():
    with seeded("speech"):
        waveforms = torch.rand(5, 400) - 0.5
    lengths = torch.tensor([400, 300, 400, 250, 400])
    waveforms[torch.arange(400) >= lengths[:, None]] = 0
    return waveforms, lengths


def test_a_zero_perturbation_scores_exactly_zero(model, speech):
    waveforms, lengths = speech
    found = observe(model, waveforms, waveforms.clone(), torch.zeros(5, dtype=torch.int64), lengths)
    values = summary(found)
    assert values["asr"] == 0
    assert values["asr_control"] == 0
    assert values["asr_excess"] == 0
    assert values["sparsity"] == 0
    assert values["linf"] == 0
    assert values["snr_peak_db"] is None
    assert values["snr_energy_db"] is None


def test_distortion_equals_numpys(model, speech):
    waveforms, lengths = speech
    change = torch.zeros_like(waveforms)
    change[:, ::7] = 0.01
    change[:, 3] = -0.05
    change[torch.arange(400) >= lengths[:, None]] = 0
    found = observe(model, waveforms, waveforms + change, torch.zeros(5, dtype=torch.int64), lengths)
    x, d = waveforms.double().numpy(), (waveforms + change - waveforms).double().numpy()
    assert (found.l0 == (d != 0).sum(1)).all()
    np.testing.assert_allclose(found.linf, np.abs(d).max(1))
    np.testing.assert_allclose(found.l2, np.linalg.norm(d, axis=1))
    np.testing.assert_allclose(found.snr_peak_db, 20 * np.log10(np.abs(x).max(1) / np.abs(d).max(1)))
    np.testing.assert_allclose(found.snr_energy_db, 10 * np.log10((x**2).sum(1) / (d**2).sum(1)))
    np.testing.assert_array_equal(found.length, lengths.numpy())


def test_the_control_has_the_attacks_own_sizes_and_count(speech):
    waveforms, lengths = speech
    change = torch.zeros_like(waveforms)
    change[:, :40] = torch.linspace(-0.1, 0.1, 40)
    noisy = matched_noise(waveforms, change, lengths, seed=0) - waveforms
    for mine, theirs, length in zip(noisy, change, lengths.tolist(), strict=True):
        assert (mine[length:] == 0).all()
        torch.testing.assert_close(mine.abs().sort().values, theirs.abs().sort().values, atol=1e-6, rtol=0)
    again = matched_noise(waveforms, change, lengths, seed=1) - waveforms
    assert not torch.equal(noisy, again)


def test_batches_join_to_the_same_outcome(model, speech):
    waveforms, lengths = speech
    labels = torch.arange(5) % 3
    adversarial = waveforms * 0.9
    ids = ["d", "a", "e", "b", "c"]
    whole = observe(model, waveforms, adversarial, labels, lengths, ids=ids)
    parts = [
        observe(
            model,
            waveforms[i : i + 1],
            adversarial[i : i + 1],
            labels[i : i + 1],
            lengths[i : i + 1],
            ids=ids[i : i + 1],
        )
        for i in range(5)
    ]
    joined = Outcome.join(parts)
    assert joined.ids == ("a", "b", "c", "d", "e")
    assert summary(joined) == pytest.approx(summary(whole))


def test_rows_keep_everything(mixed):
    unchanged = dataclasses.replace(mixed, snr_peak_db=np.full(60, np.nan))
    back = Outcome.from_rows(unchanged.rows(), classes=4)
    assert back.rows() == unchanged.rows()
    assert summary(back) == summary(unchanged)
    assert unchanged.rows()[0]["snr_peak_db"] is None


def test_comb_share_separates_a_comb_from_noise():
    lengths = torch.tensor([1600, 1600, 1600, 1600])
    with seeded("positions"):
        positions = torch.zeros(4, 1600)
        positions[0, ::16] = 1
        positions[1] = (torch.rand(1600) < 0.12).float()
        positions[2, :200] = 1
    share = comb_share(positions, lengths, 16)
    assert share[0] == pytest.approx(1)
    assert share[1] < 0.03
    assert share[2] < 0.01
    assert share[3].isnan()


def test_comb_share_equals_an_analysis_of_variance():
    with seeded("positions"):
        positions = (torch.rand(1, 1000) < 0.3).double()
    values, phase = positions[0].numpy(), np.arange(1000) % 10
    between = sum((phase == p).sum() * (values[phase == p].mean() - values.mean()) ** 2 for p in range(10))
    expected = between / ((values - values.mean()) ** 2).sum()
    assert float(comb_share(positions, torch.tensor([1000]), 10)) == pytest.approx(expected)


def test_observe_refuses_clips_that_do_not_match(model, speech):
    waveforms, lengths = speech
    with pytest.raises(StaanetError, match="lengths"):
        observe(model, waveforms, waveforms[:, :300], torch.zeros(5, dtype=torch.int64), lengths)
    for labels in (torch.tensor([0, 1, 2, 3, 0]), torch.zeros(4, dtype=torch.int64), torch.zeros(5)):
        with pytest.raises(StaanetError, match=r"labels in 0\.\.2|integer labels"):
            observe(model, waveforms, waveforms, labels, lengths)
    with pytest.raises(StaanetError, match="finite"):
        observe(model, waveforms, waveforms * torch.nan, torch.zeros(5, dtype=torch.int64), lengths)
