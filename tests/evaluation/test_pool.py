"""Folds pooled: the figures of all clips together, and of the folds only what they have in common."""

from dataclasses import fields, replace

import numpy as np
import pytest

from report.test_report import made
from staanet.core.errors import StaanetError
from staanet.evaluation import pooled
from staanet.evaluation.case import figures
from staanet.evaluation.flags import FLAGS, PER_MODEL, SIGNS, raised
from staanet.evaluation.pool import ANY, MEANS, SET_FIGURES
from staanet.metrics import Outcome, by_fold
from staanet.metrics.outcome import CONTROL_DRAWS

CLASSES = 4
PLANNED = 3


def outcomes_of(fold, n=12, **kind):
    """Return the rows of the test subset of a fold: clips in the order of their ids, two speakers."""
    random = np.random.default_rng([fold, n])
    labels, clean, adv = random.integers(0, CLASSES, (3, n))
    sizes = ("linf", "l2", "l1", "confidence_clean", "confidence_adv", "snr_peak_db", "snr_energy_db")
    columns = {name: random.uniform(0.1, 1, n) for name in sizes}
    outcome = Outcome(
        ids=tuple(f"{9 - fold}-{i:02d}" for i in range(n)),
        labels=labels,
        predicted_clean=clean,
        predicted_adv=adv,
        predicted_control=random.integers(0, CLASSES, (n, CONTROL_DRAWS)),
        margin_clean=random.uniform(0, 1, n),
        margin_adv=np.where(adv == clean, 1, -1) * random.uniform(0.1, 1, n),
        length=np.full(n, 100),
        l0=random.integers(0, 12, n),
        classes=CLASSES,
        **columns,
    )
    own = [{"predicted_saved": int(adv[i]), "speaker": f"{fold}-{i % 2}", "gender": "female"} for i in range(n)]
    return [{**row, **more, **kind} for row, more in zip(outcome.rows(), own, strict=True)]


class Run:
    """The records of some folds of some cases, and their rows."""

    def __init__(self):
        self.records = []
        self.rows = {}

    def add(self, fold, rows=None, **changes):
        rows = outcomes_of(fold) if rows is None else rows
        set_figures = {name: changes.pop(name) for name in SET_FIGURES if name in changes}
        of_set = {"comb_share": 0.1, "comb_share_model": 0.2, "seconds_per_clip": 1.0, **set_figures}
        known = {name: of_set.get(name, 1.0) for name in SET_FIGURES}
        identity = {"fold": fold, "folds": (fold,), "folds_planned": PLANNED, "split": f"split {fold}"}
        signature = f"{len(self.records)}"
        identity |= {"signature": signature, "outcomes_sha256": signature, **changes}
        record = replace(made(), **{**figures(rows, CLASSES, known), **identity})
        self.records.append(replace(record, flags=changes.get("flags", raised(vars(record)))))
        self.rows[signature] = rows

    def pooled(self):
        return pooled(self.records, lambda record: self.rows[record.signature])


@pytest.fixture
def run():
    return Run()


def test_the_figures_are_those_of_all_clips_together(run):
    sizes = {0: 12, 2: 20, 1: 9}
    for fold, n in sizes.items():
        run.add(fold, outcomes_of(fold, n))
    (found,) = run.pooled()
    rows = [row for fold in sizes for row in run.rows[str(list(sizes).index(fold))]]
    together = figures(
        sorted(rows, key=lambda row: row["id"]), CLASSES, {name: getattr(found, name) for name in SET_FIGURES}
    )
    assert {name: getattr(found, name) for name in together if name != "one_class_share"} == {
        name: value for name, value in together.items() if name != "one_class_share"
    }
    assert found.n == 41 == sum(found.clips_by_class)
    assert found.asr == sum(row["predicted_adv"] != row["predicted_clean"] for row in rows) / 41
    assert found.asr == pytest.approx(sum(r.asr * r.n for r in run.records) / 41)
    assert found.speakers == 6
    assert found.asr_ci[1] - found.asr_ci[0] < min(r.asr_ci[1] - r.asr_ci[0] for r in run.records)
    assert "few_speakers" in found.flags


def test_enough_folds_make_enough_speakers(run):
    for fold in range(4):
        run.add(fold, folds_planned=4)
    (found,) = run.pooled()
    assert found.speakers == 8
    assert "few_speakers" not in found.flags
    assert all("few_speakers" in record.flags for record in run.records)


def test_what_a_pooled_record_is(run):
    for fold in (2, 0, 1):
        run.add(fold, commit="a" * 40, device="cpu")
    (found,) = run.pooled()
    assert (found.fold, found.folds, found.folds_planned, found.partial) == (None, (0, 1, 2), 3, False)
    assert found.pooled == ["0", "1", "2"]
    assert (found.commit, found.tree_clean, found.device) == ("a" * 40, True, "cpu")
    assert found.signature not in {record.signature for record in run.records}
    own = {"fold", "folds", "pooled", "signature", "split", "outcomes_sha256"}
    own |= set(figures(run.rows["0"], CLASSES, dict.fromkeys(SET_FIGURES, 1.0))) | {"flags", "folds_flagged"}
    own |= {"robust_accuracy_fold_ci", "asr_fold_ci", "asr_excess_fold_ci"}
    for field in fields(found):
        if field.name not in own:
            assert getattr(found, field.name) == getattr(run.records[0], field.name), field.name


def test_two_of_three_folds_are_partial(run):
    run.add(2)
    run.add(0)
    (found,) = run.pooled()
    assert (found.folds, found.partial) == ((0, 2), True)
    assert run.records[0].partial


def test_cases_come_in_the_order_in_which_they_first_come(run):
    for fold in (0, 1):
        for attack, target in (("zeta", "b"), ("alpha", "b"), ("zeta", "a")):
            run.add(fold, attack=attack, target=target)
    run.add(0, attack="last")
    found = run.pooled()
    assert [(r.attack, r.target) for r in found] == [("zeta", "b"), ("alpha", "b"), ("zeta", "a"), ("last", "emo18")]
    assert [len(r.folds) for r in found] == [2, 2, 2, 1]
    assert [r.pooled for r in found] == [["0", "3"], ["1", "4"], ["2", "5"], []]


@pytest.mark.parametrize(
    "change",
    [
        {"experiment": "other"},
        {"corpus": "other"},
        {"source": "other"},
        {"generator": None},
        {"protocol": "paper"},
        {"labels_from": "true_labels"},
        {"seed": 1},
        {"budget_epsilon": 0.01},
        {"budget_sparsity": 0.1},
        {"labels": ["joy", "anger", "neutral", "sadness"]},
        {"folds_planned": 2},
    ],
)
def test_what_differs_in_more_than_the_fold_stays_apart(run, change):
    run.add(0)
    run.add(1, **change)
    assert run.pooled() == run.records


def test_one_fold_and_no_folds_stay_as_they_are(run):
    run.add(0)
    run.add(None, attack="another", rows=outcomes_of(1), folds=())
    run.add(None, attack="another", rows=outcomes_of(1), folds=())
    assert run.pooled() == run.records


def test_a_fold_that_is_there_twice_stays_as_it_is(run):
    for fold in (0, 1, 0):
        run.add(fold)
    assert run.pooled() == run.records


def test_a_clip_in_two_folds_is_reported(run):
    run.add(0)
    run.add(1, [*outcomes_of(1), outcomes_of(0)[5]])
    with pytest.raises(StaanetError, match="each clip in the test subset of one fold, got '9-05' in two"):
        run.pooled()


def test_what_is_known_of_the_adversarial_sets_is_averaged_over_clips(run):
    run.add(0, outcomes_of(0, 10), comb_share=0.1, seconds_per_clip=3.0)
    run.add(1, outcomes_of(1, 30), comb_share=0.5, seconds_per_clip=1.0)
    (found,) = run.pooled()
    assert (found.comb_share, found.seconds_per_clip) == (pytest.approx(0.4), pytest.approx(1.5))


def test_a_comb_share_that_some_folds_lack_is_that_of_the_others(run):
    run.add(0, outcomes_of(0, 10), comb_share=None, comb_share_model=None)
    run.add(1, outcomes_of(1, 30), comb_share=0.5, comb_share_model=None)
    (found,) = run.pooled()
    assert (found.comb_share, found.comb_share_model) == (0.5, None)
    assert "comb_share" not in found.notes
    assert found.notes["comb_share_model"] == "no source was asked, or all positions are alike"


def test_a_worst_case_keeps_its_finders_and_its_signs(run):
    signs = {"zero_gradients": 0.0, "randomised": False, "probabilities": False}
    run.add(0, outcomes_of(0, 10), found_by={"pgd": 3, "boundary": 0}, black_box_lead=-0.1, **signs)
    signs |= {"zero_gradients": 0.2, "randomised": True}
    run.add(1, outcomes_of(1, 30), found_by={"pgd": 1, "boundary": 4}, black_box_lead=0.3, **signs)
    run.add(0, attack="pgd")
    run.add(1, attack="pgd")
    worst, other = run.pooled()
    assert worst.found_by == {"pgd": 4, "boundary": 4}
    assert (worst.zero_gradients, worst.black_box_lead) == (pytest.approx(0.15), pytest.approx(0.2))
    assert (worst.randomised, worst.probabilities) == (True, False)
    assert {"zero_gradients", "black_box_ahead", "randomised"} <= set(worst.flags)
    assert "probabilities" not in worst.flags
    assert other.found_by is other.black_box_lead is other.zero_gradients is other.randomised is None
    assert not {"found_by", "zero_gradients", "randomised"} & {*other.notes, *worst.notes}


def towards(favourite, share, fold, n=100):
    """Return the outcomes of a fold in which a share of the attacked clips is predicted as one class."""
    rows = outcomes_of(fold, n)
    others = [label for label in range(CLASSES) if label != favourite]
    count = round(share * n)
    return [
        {**row, "predicted_adv": favourite if place < count else others[place % len(others)]}
        for place, row in enumerate(rows)
    ]


def test_a_favourite_class_of_each_fold_is_not_hidden_by_pooling(run):
    """Each fold trains a generator of its own, whose favourite class differs, as in the EmoDB study."""
    for fold, (favourite, share) in enumerate([(0, 0.50), (1, 0.73), (2, 0.91), (3, 0.61), (0, 0.83)]):
        run.add(fold, towards(favourite, share, fold), folds_planned=5)
    (found,) = run.pooled()
    assert [record.one_class_share for record in run.records] == [0.50, 0.73, 0.91, 0.61, 0.83]
    assert max(found.predictions_adv) / found.n < 0.4
    assert found.one_class_share == pytest.approx((0.50 + 0.73 + 0.91 + 0.61 + 0.83) / 5)
    assert "one_class" in found.flags
    assert found.folds_flagged["one_class"] == [1, 2, 3, 4]


def test_shares_of_one_model_are_weighted_by_clips(run):
    run.add(0, towards(1, 0.9, 0, n=20))
    run.add(1, towards(2, 0.3, 1, n=80))
    (found,) = run.pooled()
    assert found.one_class_share == pytest.approx(0.9 * 0.2 + 0.3 * 0.8)
    assert found.one_class_share < 0.6
    assert ("one_class" in found.flags, found.folds_flagged["one_class"]) == (True, [0])


@pytest.mark.parametrize("flag", PER_MODEL)
def test_a_flag_of_one_model_is_shown_if_any_fold_raised_it(run, flag):
    for fold in (2, 0, 1):
        run.add(fold, flags=[flag] if fold else [])
    (found,) = run.pooled()
    assert flag in found.flags
    assert found.folds_flagged == {flag: [1, 2]}
    assert found.flags == [name for name in FLAGS if name in found.flags]


@pytest.mark.parametrize("flag", sorted(set(FLAGS) - set(PER_MODEL)))
def test_a_flag_of_all_clips_is_raised_by_the_pooled_figures_only(run, flag):
    random = np.random.default_rng(0)
    calm = []
    for fold in range(4):
        labels = [int(label) for label in random.integers(0, CLASSES, 12)]
        rows = outcomes_of(fold, l0=1)
        calm.append(
            [
                {**row, "label": y, "predicted_clean": y, "predicted_adv": (y + 1) % CLASSES, "predicted_control": [y]}
                for row, y in zip(rows, labels, strict=True)
            ]
        )
    for fold, rows in enumerate(calm):
        run.add(fold, rows, flags=[flag], folds_planned=4)
    (found,) = run.pooled()
    assert (found.flags, found.folds_flagged) == ([], {})


@pytest.mark.parametrize("sign", ANY)
@pytest.mark.parametrize(
    ("signs", "expected"), [((False, True), True), ((None, True), True), ((None, False), False), ((None, None), None)]
)
def test_a_sign_that_any_fold_shows_is_shown(run, sign, signs, expected):
    for fold, shown in enumerate(signs):
        run.add(fold, **{sign: shown})
    (found,) = run.pooled()
    assert getattr(found, sign) is expected
    assert (sign in found.flags) is bool(expected)


@pytest.mark.parametrize("name", ["zero_gradients", "nonfinite_gradients"])
def test_shares_of_gradients_are_averaged_over_the_folds_that_have_them(run, name):
    run.add(0, outcomes_of(0, 10), **{name: 0.5})
    run.add(1, outcomes_of(1, 30), **{name: 0.1})
    run.add(2, outcomes_of(2, 30), **{name: None})
    (found,) = run.pooled()
    assert getattr(found, name) == pytest.approx(0.2)
    assert name in MEANS
    assert name in found.flags


def test_every_sign_is_pooled():
    assert set(SIGNS) <= {*ANY, *MEANS}


def test_intervals_by_fold_are_those_of_the_clips_of_each_fold(run):
    for fold, n in ((0, 12), (2, 20), (1, 9)):
        run.add(fold, outcomes_of(fold, n))
    (found,) = run.pooled()
    outcomes = [Outcome.from_rows(run.rows[record.signature], CLASSES) for record in run.records]
    folds = [0] * 12 + [2] * 20 + [1] * 9
    fooled = np.concatenate([outcome.fooled for outcome in outcomes]).astype(np.float64)
    control = np.concatenate([outcome.control for outcome in outcomes])
    robust = np.concatenate([outcome.correct & ~outcome.fooled for outcome in outcomes]).astype(np.float64)
    assert found.asr_fold_ci == pytest.approx(by_fold(fooled, folds, low=0.0))
    assert found.asr_excess_fold_ci == pytest.approx(by_fold(fooled - control, folds, low=-1.0))
    assert found.robust_accuracy_fold_ci == pytest.approx(by_fold(robust, folds, low=0.0))
    assert all(record.asr_fold_ci is None for record in run.records)


def test_settings_and_versions_are_those_in_common(run):
    first = {"attack": {"name": "a", "size": 1, "source": {"seed": 3}}, "split": "x", "seed": 0, "only": 1, "odd": {}}
    second = {"attack": {"name": "a", "size": 2, "source": {"seed": 4}}, "split": "y", "seed": 0, "odd": 5}
    run.add(0, settings=first, versions={"torch": "1", "numpy": "2"})
    run.add(1, settings=second, versions={"torch": "1", "numpy": "3"})
    (found,) = run.pooled()
    assert found.settings == {"attack": {"name": "a", "source": {}}, "seed": 0}
    assert found.versions == {"torch": "1"}
    assert run.records[0].settings == first


@pytest.mark.parametrize(
    ("commits", "clean", "expected"),
    [
        (("a", "b"), (True, True), ("a, b", True)),
        (("a", "a"), (True, False), ("a", False)),
        (("a", None), (True, None), (None, None)),
    ],
)
def test_the_provenance_is_that_of_all_folds(run, commits, clean, expected):
    for fold in (0, 1):
        run.add(fold, commit=commits[fold], tree_clean=clean[fold], device=f"cpu {fold}")
    (found,) = run.pooled()
    assert (found.commit, found.tree_clean) == expected
    assert found.device == "cpu 0, cpu 1"


def test_the_signature_follows_from_the_folds(run):
    for fold in (0, 1):
        run.add(fold)
    (found,) = run.pooled()
    assert run.pooled()[0].signature == found.signature
    run.records[1] = replace(run.records[1], signature="changed")
    run.rows["changed"] = run.rows["1"]
    assert run.pooled()[0].signature != found.signature
