"""The first attack compared with the others on the same clips, counted by hand."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from report.test_report import Page, made, run_with
from staanet import report
from staanet.core import records
from staanet.core.run import Run
from staanet.metrics import SPEAKERS, paired
from staanet.report.sections.comparisons import comparisons, table
from staanet.report.tables import latex, markdown


def rows(fooled, speakers=SPEAKERS):
    """Return the rows of as many clips as `fooled` has characters, fooled where it says 1."""
    return [
        {
            "id": f"{i:02d}",
            "label": i % 3,
            "speaker": str(i % speakers),
            "predicted_clean": 2,
            "predicted_adv": 2 - int(f),
        }
        for i, f in enumerate(fooled)
    ]


FOOLED = {"staa_net": "1111111100", "pgd": "1111000011", "noise": "1000000000"}


def compared(*found):
    return comparisons(found, lambda record: rows(FOOLED[record.attack]))


def pairs(made):
    return [(row.attack, row.other, row.source, row.target) for row in made]


NOISE = {"attack": "noise", "source": "none"}
CASES = [
    made(attack, source, target)
    for attack in ("staa_net", "pgd", "noise")
    for source in (("none",) if attack == "noise" else ("emo18", "zhao19"))
    for target in ("emo18", "zhao19")
]


def test_the_first_attack_is_compared_with_all_others_of_its_source_and_with_those_that_need_none():
    assert pairs(compared(*CASES)) == [
        (*("staa_net", other), source, target)
        for source in ("emo18", "zhao19")
        for target in ("emo18", "zhao19")
        for other in ("pgd", "noise")
    ]


def test_an_attack_that_needs_no_source_is_never_the_first():
    assert pairs(compared(made(**NOISE), made("pgd"), made())) == [
        ("pgd", "noise", "emo18", "emo18"),
        ("pgd", "staa_net", "emo18", "emo18"),
    ]
    assert compared(made(**NOISE), made(**NOISE, target="zhao19")) == []


@pytest.mark.parametrize(
    "change",
    [
        {"target": "zhao19"},
        {"source": "zhao19"},
        {"corpus": "other"},
        {"split": "other"},
        {"protocol": "paper"},
        {"defence": "other"},
        {"budget_epsilon": None, "budget_snr_db": 17.0},
        {"budget_epsilon": 0.030000001},
        {"budget_sparsity": 0.050000001},
    ],
)
def test_only_the_same_clips_within_the_same_budget_are_compared(change):
    assert len(compared(made(), made("pgd"))) == 1
    assert compared(made(), replace(made("pgd"), **change)) == []


def test_a_comparison_counts_the_clips_that_one_attack_alone_fooled():
    (row,) = compared(made(), made(**NOISE))
    assert (row.n, row.difference) == (10, pytest.approx(0.7))
    assert row.p_value == pytest.approx(stats.binomtest(7, 7).pvalue) == pytest.approx(2 / 2**7)
    assert row.budget == "epsilon 0.03 of full scale, at most 5 % of the samples"
    (row,) = compared(made(), made("pgd"))
    assert row.difference == pytest.approx(0.2)
    assert row.p_value == pytest.approx(2 * sum(stats.binom.pmf(k, 6, 0.5) for k in (0, 1, 2)))
    low, high = row.difference_speaker_ci
    assert low < 0.2 < high
    assert row.difference < row.detectable


def test_clips_are_matched_by_their_ids_whatever_their_order():
    found = [made(), made("pgd")]
    shuffled = {"staa_net": rows(FOOLED["staa_net"]), "pgd": rows(FOOLED["pgd"])[::-1]}
    assert comparisons(found, lambda record: shuffled[record.attack]) == compared(*found)


def test_the_same_clips_fooled_make_no_difference_and_the_interval_still_has_a_width():
    (row,) = comparisons([made(), made("pgd")], lambda _: rows("1010" * 20))
    assert (row.difference, row.p_value) == (0, 1)
    assert row.difference_speaker_ci == paired([0.0] * 80)


def test_a_difference_that_one_speaker_carries_may_be_zero():
    carried = {"staa_net": ("1" + "0" * 9) * 10, "pgd": "0" * 100}
    (row,) = comparisons([made(), made("pgd")], lambda record: rows(carried[record.attack], speakers=10))
    assert row.difference == pytest.approx(0.1)
    assert row.p_value < 0.01
    assert row.difference_speaker_ci[0] < 0


def test_the_table_shows_the_comparison():
    printed = table(compared(made(), made(**NOISE)))
    _, heads, _, row = (line for line in markdown(printed).splitlines() if line)
    assert heads == (
        "| attack | against | source | target | budget | n | robust accuracy difference | robust accuracy verdict | "
        "ASR difference | ASR p | ASR detectable |"
    )
    assert row.startswith(
        r"| staa\_net | noise | emo18 | emo18 | epsilon 0.03 of full scale, at most 5 % of the samples | 10 | −20.0 ["
    )
    assert "] | undecided | 70.0 [" in row
    assert "] | 0.016 | " in row
    assert "attack & against & source" in latex(printed)
    (cells,) = printed.rows
    assert [cells[place].value for place in (5, 6, 8, 9)] == pytest.approx([10, -0.2, 0.7, 2 / 2**7])


def test_robust_accuracy_is_compared_on_the_clips_that_were_recognised():
    """Of ten clips the third, sixth and ninth are recognised; the first attack takes the first two of them."""
    (row,) = compared(made(), made(**NOISE))
    assert row.robust_difference == pytest.approx(1 / 10 - 3 / 10)
    low, high = row.robust_difference_speaker_ci
    assert low < -0.2 < high


def by_fold(first, other):
    """Compare two attacks over folds of 20 recognised clips, of which each leaves a number robust in each fold."""

    def outcomes(record):
        left = first if record.attack == "staa_net" else other
        return [
            {
                "id": f"{fold}-{i}",
                "label": 0,
                "speaker": f"{fold}-{i % 4}",
                "fold": fold,
                "predicted_clean": 0,
                "predicted_adv": int(i >= robust),
            }
            for fold, robust in enumerate(left)
            for i in range(20)
        ]

    (row,) = comparisons([made(), made("pgd")], outcomes)
    return row


@pytest.mark.parametrize(
    ("first", "other", "said"),
    [
        ((5, 5, 5), (15, 16, 15), "stronger"),
        ((15, 16, 15), (5, 5, 5), "weaker"),
        ((10, 10, 10), (10, 10, 10), "not inferior"),
        ((5, 15), (10, 10), "undecided"),  # the folds disagree, whatever the mean
        ((0, 10, 4), (10, 12, 20), "undecided"),
        ((5,), (15,), "stronger on this model"),  # a single training
        ((15,), (5,), "weaker on this model"),
        ((10,), (10,), "undecided"),
        ((10, 10), (11, 11), "not inferior"),  # two folds that agree by chance make no attack stronger
    ],
)
def test_a_verdict_must_stand_by_fold(first, other, said):
    row = by_fold(first, other)
    assert row.verdict == said
    if len(first) == 1:
        assert row.robust_difference_fold_ci is None
        assert row.difference_fold_ci is None
    else:
        means = [(one - two) / 20 for one, two in zip(first, other, strict=True)]
        half = stats.t.ppf(0.975, len(means) - 1) * stats.sem(means)
        clips = [float(i < one) - (i < two) for one, two in zip(first, other, strict=True) for i in range(20)]
        low, high = paired(np.array(clips))
        expected = [max(-1, min(low, np.mean(means) - half)), min(1, max(high, np.mean(means) + half))]
        assert row.robust_difference_fold_ci == pytest.approx(expected)


def test_columns_by_fold_are_there_for_several_trainings_only():
    single, folded = by_fold((5,), (15,)), by_fold((5, 5, 5), (15, 16, 15))
    counts = {"single": [single], "folded": [folded], "both": [single, folded]}
    made = {name: table(own) for name, own in counts.items()}
    measures = {name: [measure for _, group in own.groups for measure in group] for name, own in made.items()}
    shown = {name: own.count("by fold") for name, own in measures.items()}
    assert shown == {"single": 0, "folded": 2, "both": 2}
    assert all(len(row) == 5 + len(measures[name]) for name, own in made.items() for row in own.rows)
    said = {name: own.caption.count("on this model") for name, own in made.items()}
    assert said == {"single": 1, "folded": 0, "both": 1}
    assert ["both intervals of the difference" in own.caption for own in made.values()] == [False, True, True]


def test_the_caption_says_what_the_intervals_assume():
    assert "correlation between clips of a speaker" in table(compared(made(), made("pgd"))).caption
    few = comparisons([made(), made("pgd")], lambda record: rows(FOOLED[record.attack], speakers=4))
    assert "correlation" not in table(few).caption
    assert "treat clips as independent" in table(few).caption
    assert "By fold" not in table(few).caption
    assert "fold as the unit" in table([by_fold((5, 5), (9, 9))]).caption


def test_a_small_p_value_is_shown_as_small_and_sorted_by_its_value():
    (row,) = comparisons([made(), made(**NOISE)], lambda r: rows(("0" if r.attack == "noise" else "1") * 30))
    assert row.p_value == pytest.approx(2 / 2**30)
    p_value = table([row]).rows[0][9]
    assert (p_value.text, p_value.value) == ("< 0.001", row.p_value)


# ------------------------------------------------------------------ in a run


@pytest.fixture
def run(tmp_path):
    """Two attacks with two of three folds each, as a run writes them."""
    for fold in (0, 1):
        for attack in ("staa_net", "pgd"):
            of_fold = {"fold": fold, "folds": (fold,), "folds_planned": 3, "split": f"{fold}"}
            record = made(attack, signature=f"{attack}-{fold}", **of_fold)
            own = [{**row, "id": f"{fold}-{row['id']}"} for row in rows(FOOLED[attack])]
            records.write(tmp_path / "records", record, own)
    return tmp_path


def test_the_rows_of_pooled_records_are_joined_and_each_file_is_read_once(run, monkeypatch):
    reads = []
    read = records.read_outcomes
    monkeypatch.setattr(records, "read_outcomes", lambda path: reads.append(path.stem[:5]) or read(path))
    opened = Run(run)
    parts = opened.records
    own = {part.signature: opened.outcomes(part) for part in parts}
    assert opened.outcomes(replace(parts[0], pooled=["pgd-1", "pgd-0"])) == own["pgd-1"] + own["pgd-0"]
    assert opened.outcomes(parts[0]) == own[parts[0].signature]
    assert sorted(reads) == ["pgd-e", "pgd-e", "staa_", "staa_"]


def test_a_run_has_its_comparisons_as_files_and_on_the_page(tmp_path):
    found = [made(), made(**NOISE)]
    run_with(tmp_path, *found)
    page = Page(report.write(tmp_path))
    assert {"id": "comparisons"} in page.all("section")
    assert {"href": "#comparisons"} in page.all("a")
    with (tmp_path / "tables" / "comparisons.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["attack"], row["other"], row["n"], row["difference"]) == ("staa_net", "noise", "3", "0.0")
    assert float(row["difference_speaker_ci_low"]) < 0 < float(row["difference_speaker_ci_high"])
    assert {"class": "number", "data-value": "1.0"} in page.all("td")  # the p-value
    for kind in ("md", "tex"):
        assert "McNemar" in (tmp_path / "tables" / f"comparisons.{kind}").read_text(encoding="utf-8")


def test_a_run_of_one_attack_has_none(tmp_path):
    page = Page(report.write(run_with(tmp_path, made(), made(target="zhao19"))))
    assert {"id": "comparisons"} not in page.all("section")
    assert {"href": "#comparisons"} not in page.all("a")
    assert not list((tmp_path / "tables").glob("comparisons.*"))
