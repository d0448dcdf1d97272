"""Robustness at equal distortion, computed by hand."""

import pytest

from report.sections.outcomes import row
from report.test_report import made
from staanet.report.sections.equal_distortion import equal_distortion, table
from staanet.report.tables import comma_separated, markdown


def test_models_are_compared_on_the_clips_that_all_classify_correctly():
    """Of four clips emo18 takes the last for another; of the other three zhao19 falls at 60, 150 and never."""
    moved = {
        ("bim_40", "emo18"): (60.0, 300.0, 60.0, 10.0),
        ("bim_40", "zhao19"): (None, None, None, None),
        ("bim_30", "zhao19"): (60.0, 150.0, None, 10.0),
        ("noise", "emo18"): (None, None, None, None),
        ("noise", "zhao19"): (None, None, 900.0, None),
    }

    def outcomes(record):
        wrong = 3 if record.target == "emo18" else None
        return [
            row(i, "male", "s", 0, clean := int(i == wrong), clean + int(size is not None), log_mel_l2=size or 1.0)
            for i, size in enumerate(moved[record.attack, record.target])
        ]

    records = [
        made(
            name,
            source="none" if name == "noise" else target,
            target=target,
            settings={"attack": {"name": name.split("_")[0]}},
        )
        for name, target in moved
    ]
    transfer = made("bim_40", source="emo18", target="zhao19", settings={"attack": {"name": "bim"}})
    found = {(row.attack, row.target, row.log_mel_l2): row for row in equal_distortion([*records, transfer], outcomes)}
    assert {row.n for row in found.values()} == {3}
    share = {key: row.asr for key, row in found.items()}
    assert [share["bim", "emo18", radius] for radius in (50, 100, 500)] == pytest.approx([0, 2 / 3, 1])
    assert [share["bim", "zhao19", radius] for radius in (50, 100, 200, 2000)] == pytest.approx(
        [0, 1 / 3, 2 / 3, 2 / 3]
    )
    assert [share["noise", "zhao19", radius] for radius in (500, 1000)] == pytest.approx([0, 1 / 3])
    assert [found["bim", "zhao19", radius].robust_accuracy for radius in (50, 2000)] == pytest.approx([1, 1 / 3])
    text = markdown(table(list(found.values()), records))
    assert text.count("zhao19") == 2
    assert text.index("| bim | zhao19 |") < text.index("| bim | emo18 |")  # by what is left at the largest distance
    assert "2000 dB" in text
    assert "they cannot be compared" not in text


def test_models_without_a_common_correct_clip_cannot_be_compared():
    records = [made("bim", source=name, target=name, settings={"attack": {"name": "bim"}}) for name in ("a", "b")]

    def outcomes(record):
        return [row(i, "male", "s", 0, clean := int((i < 2) == (record.target == "a")), clean) for i in range(4)]

    found = equal_distortion(records, outcomes)
    assert found == []
    assert "no clips with known distances that all models classify correctly" in markdown(table(found, records))


def test_outcomes_without_the_distance_are_skipped():
    records = [made("bim", source="emo18", target="emo18", settings={"attack": {"name": "bim"}})]
    assert equal_distortion(records, lambda _: [row(0, "male", "s", 0, 0, 1)]) == []


def test_a_table_without_rows_still_has_the_columns_of_its_file():
    assert comma_separated([], ["attack", "asr", "asr_ci"]) == "attack,asr,asr_ci_low,asr_ci_high\n"
