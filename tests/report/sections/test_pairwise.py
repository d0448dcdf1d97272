"""Pairwise comparisons, computed by hand."""

import pytest

from report.sections.outcomes import row
from report.test_report import made
from staanet.core.errors import StaanetError
from staanet.report.sections.comparisons import compare
from staanet.report.sections.pairwise import pairwise_comparisons, table


def test_pairs_share_their_clips_and_are_corrected_together():
    fooled = {"fgsm": "1111000000", "bim": "11111111", "jsma": "0000000000"}

    def outcomes(record):
        return [row(i, "male", f"s{i}", 0, 0, int(hit)) for i, hit in enumerate(fooled[record.attack])]

    found = pairwise_comparisons(
        [made(name) for name in fooled] + [made("fgsm", target="zhao19")], outcomes, ["fgsm", "bim", "jsma"]
    )
    assert [(pair.attack, pair.other, pair.target, pair.n) for pair in found] == [
        ("fgsm", "bim", "emo18", 8),
        ("fgsm", "jsma", "emo18", 10),
        ("bim", "jsma", "emo18", 8),
    ]
    assert [pair.difference for pair in found] == [-0.5, 0.4, 1.0]
    assert [pair.p_value for pair in found] == pytest.approx([2 / 16, 2 / 16, 2 / 256])
    assert [pair.p_holm for pair in found] == pytest.approx([2 / 8, 2 / 8, 6 / 256])


@pytest.mark.parametrize(("folds", "columns"), [((0,), 0), ((0, 1), 2)])
def test_columns_by_fold_are_there_for_several_trainings_only(folds, columns):
    def outcomes(record):
        rows = [(fold, i) for fold in folds for i in range(8)]
        hits = {"fgsm": 1, "bim": 0}
        return [row(10 * fold + i, "male", f"s{i}", 0, 0, hits[record.attack], fold=fold) for fold, i in rows]

    pairs = pairwise_comparisons([made("fgsm"), made("bim")], outcomes, ["fgsm", "bim"])
    shown = table(pairs)
    measures = [measure for _, group in shown.groups for measure in group]
    assert measures.count("by fold") == columns
    assert [len(cells) for cells in shown.rows] == [len(shown.headings) + len(measures)]
    assert pairs[0].verdict == ("stronger" if columns else "stronger on this model")


def test_attacks_on_other_clips_cannot_be_compared():
    ids = {"fgsm": 0, "bim": 100}
    with pytest.raises(StaanetError, match="expected clips on which both fgsm and bim were run, got none"):
        compare(made("fgsm"), made("bim"), lambda record: [row(ids[record.attack], "male", "s", 0, 0, 1)])
