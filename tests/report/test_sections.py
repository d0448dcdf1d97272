"""Tables by gender, pair by pair and of both domains, counted by hand."""

import numpy as np
import pytest

from report.test_report import made
from staanet.core.errors import StaanetError
from staanet.metrics import wilson
from staanet.report.sections.comparisons import compare
from staanet.report.sections.defences import defended
from staanet.report.sections.defences import table as defences_table
from staanet.report.sections.domains import matched
from staanet.report.sections.equal_distortion import matched as equally_far
from staanet.report.sections.equal_distortion import table as equally_far_table
from staanet.report.sections.gender import contrast_table, contrasts, groups
from staanet.report.sections.gender import table as group_table
from staanet.report.sections.pairs import pairs
from staanet.report.tables import markdown

SPEAKERS = {"male": ("a", "b", "c"), "female": ("x", "y", "z")}


def row(number, gender, speaker, label, clean, adv, **more):
    return {
        "id": f"{number:03d}",
        "label": label,
        "speaker": speaker,
        "gender": gender,
        "predicted_clean": clean,
        "predicted_adv": adv,
        "predicted_control": [clean] * 3,
        "margin_clean": 1.0,
        "margin_adv": -1.0,
        "length": 10,
        "l0": 2,
        "linf": 0.5,
        "l2": 0.7,
        "l1": 1.0,
        "confidence_clean": 0.9,
        "confidence_adv": 0.6,
        "snr_peak_db": 20.0,
        "snr_energy_db": 20.0,
        **more,
    }


def rows(fooled):
    """Return four clips of each speaker, the last of them wrong before the attack; `fooled` by gender and place."""
    clips = [(gender, voice, place) for gender, voices in SPEAKERS.items() for voice in voices for place in range(4)]
    return [
        row(number, gender, voice, 0, int(place == 3), 2 if place in fooled[gender] else int(place == 3))
        for number, (gender, voice, place) in enumerate(clips)
    ]


MEN_ONLY = {"male": (0, 1), "female": ()}


def test_every_gender_has_its_own_figures():
    record = made("fgsm", seconds_per_clip=0.5)
    everyone, men, women = groups([record], lambda _: rows(MEN_ONLY))
    assert [group.gender for group in (everyone, men, women)] == ["all", "male", "female"]
    assert [group.n for group in (everyone, men, women)] == [24, 12, 12]
    assert [group.accuracy_clean for group in (everyone, men, women)] == [0.75, 0.75, 0.75]
    assert [group.accuracy_adv for group in (everyone, men, women)] == [0.5, 0.25, 0.75]
    assert [group.asr_correct for group in (everyone, men, women)] == pytest.approx([1 / 3, 2 / 3, 0])
    assert men.asr_correct_ci == wilson(2 / 3, 9)
    assert (men.l0, men.l1, men.mean_change, men.confidence_adv) == pytest.approx((2, 1.0, 0.1, 0.6))
    assert (everyone.seconds_per_clip, men.seconds_per_clip) == (0.5, None)
    text = markdown(group_table([everyone, men, women], [record]))
    assert "25.0 [8.9, 53.2]" in text
    assert "nan" not in text


def test_genders_whose_speakers_all_differ_are_told_apart():
    (row,) = contrasts([made("fgsm")], lambda _: rows(MEN_ONLY))
    assert row.accuracy_difference == -0.5
    assert row.asr_correct_difference == pytest.approx(2 / 3)
    assert row.accuracy_p == row.asr_correct_p == pytest.approx(2 / 20)  # of 20 ways, and both tails
    assert row.accuracy_p_holm == row.accuracy_p


def test_p_values_are_corrected_for_all_attacks_on_a_target():
    records = [made("fgsm"), made("bim"), made("fgsm", target="zhao19")]
    found = contrasts(records, lambda _: rows(MEN_ONLY))
    assert [row.accuracy_p_holm for row in found] == pytest.approx([0.2, 0.2, 0.1])


def test_one_gender_makes_no_contrast_and_what_is_undefined_is_said():
    assert contrasts([made("fgsm")], lambda _: [clip for clip in rows(MEN_ONLY) if clip["gender"] == "male"]) == []
    one_voice = [clip for clip in rows(MEN_ONLY) if clip["speaker"] in ("a", "x", "y")]
    found = contrasts([made("fgsm")], lambda _: one_voice)
    assert found[0].accuracy_p is None
    text = markdown(contrast_table(found))
    assert "fewer than two speakers" in text
    assert "None" not in text
    wrong = [{**clip, "predicted_clean": 1} for clip in rows(MEN_ONLY)]
    everyone, *_ = found = groups([made("fgsm")], lambda _: wrong)
    assert everyone.asr_correct is None
    assert "no clip was recognised before the attack" in markdown(group_table(found, [made("fgsm")]))


def test_pairs_meet_on_the_clips_of_both_and_are_corrected_together():
    fooled = {"fgsm": "1111000000", "bim": "11111111", "jsma": "0000000000"}

    def outcomes(record):
        return [row(i, "male", f"s{i}", 0, 0, int(hit)) for i, hit in enumerate(fooled[record.attack])]

    found = pairs([made(name) for name in fooled] + [made("fgsm", target="zhao19")], outcomes, ["fgsm", "bim", "jsma"])
    assert [(pair.attack, pair.other, pair.target, pair.n) for pair in found] == [
        ("fgsm", "bim", "emo18", 8),
        ("fgsm", "jsma", "emo18", 10),
        ("bim", "jsma", "emo18", 8),
    ]
    assert [pair.difference for pair in found] == [-0.5, 0.4, 1.0]
    assert [pair.p_value for pair in found] == pytest.approx([2 / 16, 2 / 16, 2 / 256])
    assert [pair.p_holm for pair in found] == pytest.approx([2 / 8, 2 / 8, 6 / 256])


def test_attacks_on_other_clips_cannot_be_compared():
    ids = {"fgsm": 0, "bim": 100}
    with pytest.raises(StaanetError, match="expected clips that both fgsm and bim met, got none"):
        compare(made("fgsm"), made("bim"), lambda record: [row(ids[record.attack], "male", "s", 0, 0, 1)])


def test_domains_are_matched_by_how_far_the_features_moved():
    """Of four clips features are fooled at 1 and 3 from the clean ones, waveforms at 3, 12 and 30."""
    moved = {
        ("fgsm_1", "feature"): (1.0, None, None, None),
        ("fgsm_2", "feature"): (2.0, 3.0, None, None),
        ("fgsm_30", "waveform"): (3.0, None, None, None),
        ("fgsm_20", "waveform"): (9.0, 12.0, 30.0, None),
    }

    def outcomes(record):
        found = []
        for number, distance in enumerate(moved[record.attack, record.domain]):
            size = {"feature": {"l2": distance or 0.1}, "waveform": {"l2": 0.001, "feature_l2": distance or 0.1}}
            found.append(row(number, "male", "s", 0, 0, int(distance is not None), **size[record.domain]))
        return found

    records = [made(name, domain=domain, settings={"attack": {"name": "fgsm"}}) for name, domain in moved]
    found = {row.l2: row for row in matched(records, outcomes)}
    assert {radius: row.feature for radius, row in found.items()} == {
        **dict.fromkeys((1.0, 2.0), 0.25),
        **dict.fromkeys((5.0, 10.0, 20.0, 50.0, 100.0), 0.5),
    }
    assert [found[radius].waveform for radius in sorted(found)] == [0, 0, 0.25, 0.25, 0.5, 0.75, 0.75]
    assert found[5.0].waveform_ci == wilson(0.25, 4)
    assert np.unique([row.n for row in found.values()]) == [4]
    assert matched(records[:2], outcomes) == []


def test_victims_are_matched_on_the_clips_that_all_recognise():
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
    found = {(row.attack, row.target, row.log_mel_l2): row for row in equally_far([*records, transfer], outcomes)}
    assert {row.n for row in found.values()} == {3}
    share = {key: row.asr for key, row in found.items()}
    assert [share["bim", "emo18", radius] for radius in (50, 100, 500)] == pytest.approx([0, 2 / 3, 1])
    assert [share["bim", "zhao19", radius] for radius in (50, 100, 200, 2000)] == pytest.approx(
        [0, 1 / 3, 2 / 3, 2 / 3]
    )
    assert [share["noise", "zhao19", radius] for radius in (500, 1000)] == pytest.approx([0, 1 / 3])
    text = markdown(equally_far_table(list(found.values())))
    assert text.count("zhao19") == 2
    assert "2000 dB" in text
    assert "nothing can be compared" not in text


def test_victims_that_recognise_no_clip_in_common_are_told():
    records = [made("bim", source=name, target=name, settings={"attack": {"name": "bim"}}) for name in ("a", "b")]

    def outcomes(record):
        return [row(i, "male", "s", 0, clean := int((i < 2) == (record.target == "a")), clean) for i in range(4)]

    found = equally_far(records, outcomes)
    assert found == []
    assert "no clip is recognised by all of them, so that nothing can be compared" in markdown(equally_far_table(found))


def test_outcomes_without_the_distance_are_left_out():
    records = [made("bim", source="emo18", target="emo18", settings={"attack": {"name": "bim"}})]
    assert equally_far(records, lambda _: [row(0, "male", "s", 0, 0, 1)]) == []


def test_a_defended_model_stands_beside_the_one_that_it_is_of():
    plain, other = {"model": "emo18", "seed": 1}, {"model": "zhao19", "seed": 2}
    mp3 = {**plain, "defence": {"name": "mp3", "kbps": 64}}
    hardened = {"model": "emo18", "seed": 3, "defence": {"name": "adversarial_training"}, "of": plain}
    both = {**hardened, "defence": {"name": "rounding"}, "of": hardened}
    models = {"plain": plain, "other": other, "compressed": mp3, "hardened": hardened, "both": both}
    asr = {
        ("plain", "plain"): 0.9,
        ("plain", "other"): 0.1,
        ("plain", "compressed"): 0.3,
        ("compressed", "compressed"): 0.8,
        ("other", "compressed"): 0.05,
        ("plain", "hardened"): 0.2,
        ("hardened", "hardened"): 0.4,
        ("hardened", "both"): 0.35,
        ("plain", "both"): 0.25,
    }
    records = [
        made(
            "bim",
            source=source,
            target=target,
            asr=rate,
            defence=models[target].get("defence", {}).get("name"),
            settings={"attack": {"name": "bim"}, "target": models[target]},
        )
        for (source, target), rate in asr.items()
    ]
    found = {row.target: row for row in defended(records)}
    assert {name: (row.defence, row.of) for name, row in found.items()} == {
        "compressed": ("mp3", "plain"),
        "hardened": ("adversarial_training", "plain"),
        "both": ("rounding", "hardened"),
    }
    assert {name: (row.before, row.unaware, row.adaptive) for name, row in found.items()} == {
        "compressed": (0.9, 0.3, 0.8),
        "hardened": (0.9, 0.2, 0.4),
        "both": (0.4, 0.35, None),
    }
    text = markdown(defences_table(list(found.values())))
    assert "| bim | compressed | mp3 | plain | 102 |" in text
    assert "None" not in text


def test_without_defences_there_is_no_such_table():
    assert defended([made("bim"), made("fgsm", target="zhao19")]) == []


def test_tables_by_gender_name_what_tells_their_rows_apart():
    one = [made("fgsm", source=source, target="a") for source in ("a", "b")]
    two = [*one, made("fgsm", source="a", target="a", corpus="another")]
    for records, more in ((one[:1], []), (one, ["source"]), (two, ["source", "corpus"])):
        by_gender = group_table(groups(records, lambda _: rows(MEN_ONLY)), records)
        assert by_gender.headings == ["attack", "domain", "target", *more, "gender"]
        between = contrast_table(contrasts(records, lambda _: rows(MEN_ONLY)))
        assert between.headings == ["attack", "domain", "target", *more]
