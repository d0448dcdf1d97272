"""Differences between the genders, computed by hand."""

import pytest

from report.sections.outcomes import MEN_ONLY, rows
from report.test_report import made
from staanet.report.sections.between_genders import contrasts, table
from staanet.report.tables import markdown


def test_genders_whose_speakers_all_differ_have_the_smallest_p_value():
    (row,) = contrasts([made("fgsm")], lambda _: rows(MEN_ONLY))
    assert row.accuracy_difference == -0.5
    assert row.asr_correct_difference == pytest.approx(2 / 3)
    assert row.accuracy_p == row.asr_correct_p == pytest.approx(2 / 20)  # of 20 ways, and both tails
    assert row.accuracy_p_holm == row.accuracy_p


def test_p_values_are_corrected_for_all_attacks_on_a_target():
    records = [made("fgsm"), made("bim"), made("fgsm", target="zhao19")]
    found = contrasts(records, lambda _: rows(MEN_ONLY))
    assert [row.accuracy_p_holm for row in found] == pytest.approx([0.2, 0.2, 0.1])


def test_the_largest_gap_has_its_distribution_by_chance():
    """Robust are 3 of 12 clips of men under the first attack, as under the second, and 9 of 12 clips of women."""
    records = [made("fgsm"), made("bim"), made("pgd", target="zhao19")]
    found = contrasts(records, lambda _: rows(MEN_ONLY))
    assert [row.largest_gap for row in found] == pytest.approx([0.5] * 3)
    assert found[0].robust_accuracy_difference == -0.5
    assert found[0].largest_gap_p == pytest.approx(2 / 20, abs=0.02)  # of 20 ways, and both tails
    assert found[0].largest_gap_by_chance == pytest.approx(0.5)
    caption = table(found).caption
    assert "The largest gap in robust accuracy on emo18 over 2 attacks on the same clips is 50.0 points" in caption
    assert "on zhao19 over 1 attack on" in caption


def test_one_gender_makes_no_contrast_and_an_undefined_p_value_has_a_reason():
    assert contrasts([made("fgsm")], lambda _: [clip for clip in rows(MEN_ONLY) if clip["gender"] == "male"]) == []
    one_voice = [clip for clip in rows(MEN_ONLY) if clip["speaker"] in ("a", "x", "y")]
    found = contrasts([made("fgsm")], lambda _: one_voice)
    assert found[0].accuracy_p is found[0].largest_gap is None
    assert "largest gap" not in table(found).caption
    text = markdown(table(found))
    assert "fewer than two speakers" in text
    assert "None" not in text


def test_the_table_between_genders_has_the_columns_that_separate_its_rows():
    one = [made("fgsm", source=source, target="a") for source in ("a", "b")]
    two = [*one, made("fgsm", source="a", target="a", corpus="another")]
    for records, more in ((one[:1], []), (one, ["source"]), (two, ["source", "corpus"])):
        between = table(contrasts(records, lambda _: rows(MEN_ONLY)))
        assert between.headings == ["attack", "domain", "target", *more]
