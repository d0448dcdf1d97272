"""Results by gender, computed by hand."""

import pytest

from report.sections.outcomes import MEN_ONLY, rows
from report.test_report import made
from staanet.metrics import wilson
from staanet.report.sections.gender import groups, table
from staanet.report.tables import markdown


def test_every_gender_has_its_own_figures():
    record = made("fgsm", seconds_per_clip=0.5)
    everyone, men, women = groups([record], lambda _: rows(MEN_ONLY))
    assert [group.gender for group in (everyone, men, women)] == ["all", "male", "female"]
    assert [group.n for group in (everyone, men, women)] == [24, 12, 12]
    assert [group.robust_accuracy for group in (everyone, men, women)] == [0.5, 0.25, 0.75]
    assert [group.robust_uar for group in (everyone, men, women)] == [0.5, 0.25, 0.75]
    assert men.robust_accuracy_ci == wilson(0.25, 12)
    assert [group.accuracy_clean for group in (everyone, men, women)] == [0.75, 0.75, 0.75]
    assert [group.accuracy_adv for group in (everyone, men, women)] == [0.5, 0.25, 0.75]
    assert [group.asr_correct for group in (everyone, men, women)] == pytest.approx([1 / 3, 2 / 3, 0])
    assert men.asr_correct_ci == wilson(2 / 3, 9)
    assert (men.l0, men.l1, men.mean_change, men.confidence_adv) == pytest.approx((2, 1.0, 0.1, 0.6))
    assert (everyone.seconds_per_clip, men.seconds_per_clip) == (0.5, None)
    text = markdown(table([everyone, men, women], [record]))
    assert "25.0 [8.9, 53.2]" in text
    assert "nan" not in text


def test_an_undefined_rate_has_a_reason():
    wrong = [{**clip, "predicted_clean": 1} for clip in rows(MEN_ONLY)]
    everyone, *_ = found = groups([made("fgsm")], lambda _: wrong)
    assert everyone.asr_correct is None
    assert "no clip was classified correctly before the attack" in markdown(table(found, [made("fgsm")]))


def test_the_table_by_gender_has_the_columns_that_separate_its_rows():
    one = [made("fgsm", source=source, target="a") for source in ("a", "b")]
    two = [*one, made("fgsm", source="a", target="a", corpus="another")]
    for records, more in ((one[:1], []), (one, ["source"]), (two, ["source", "corpus"])):
        by_gender = table(groups(records, lambda _: rows(MEN_ONLY)), records)
        assert by_gender.headings == ["attack", "domain", "target", *more, "gender"]
