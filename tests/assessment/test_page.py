"""The page of an evaluation: it says what the clips say at every budget, and whatever names contain stays text."""

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from assessment.conftest import LABELS, results
from report.test_report import Page
from report.test_templates import check
from staanet.assessment import page
from staanet.assessment.corrupted import Corrupted
from staanet.assessment.notebook import Evaluation
from staanet.assessment.page import wording
from staanet.assessment.page.panels import gaps, panels
from staanet.assessment.page.sounds import Sound, chosen
from staanet.assessment.result import evaluation
from staanet.assessment.settings import Curves
from staanet.assessment.verdict import Threshold, judged

CURVES = Curves(dense=(60.0, 40.0, 20.0), sparse=(0.0, 0.01))
FOOLED_AT = [0, 1, 2, 3, 1, -1, 3, 3]
"""Smallest budget of each clip: 3 is never fooled by dense attacks, -1 wrong without any."""


def made(fooled_at=FOOLED_AT, *, model="net", flags=(), **settings):
    rows, curves, about = results(fooled_at, model=model, curves=CURVES, **settings)
    figures = evaluation(model, rows, curves, LABELS, dict.fromkeys(flags, "meaning"), about)
    return Evaluation(**vars(figures)), rows


def sound(**changes):
    uris = dict.fromkeys(("original", "attacked", "change", "noise"), "data:audio/flac;base64,AAAA")
    about = {"id": "clip", "label": "anger", "decided": "neutral", "attack": "fmn", "kind": "dense", "number": 1}
    return Sound(**{**about, "noise_right": True, "gain_db": 40, "seconds": None, **uris, **changes})


@pytest.fixture
def written(tmp_path):
    def write(found, rows, sounds=()):
        page.write(found, rows, sounds, tmp_path / "index.html")
        return tmp_path / "index.html"

    return write


def test_every_budget_has_its_sentence_attacks_and_decisions():
    found, rows = made()
    at = panels(found, rows)
    assert [panel.short for panel in at] == ["60 dB", "40 dB", "20 dB", "one", "1 %"]
    assert "right on 75 % (95 % interval" in at[0].sentence
    assert "every sample by up to 1 % of the clip's peak (40 dB below it), it is right on 50 %" in at[1].sentence
    assert "may change one sample by up to" in at[3].sentence
    assert [sum(count for *_, count in panel.attacks) for panel in at[:3]] == [1, 3, 4]
    # rows of anger: clips 0, 2, 4, 6, fooled at 0, 2, 1 and never; of neutral: 1, never, wrong when clean, never
    decisions = {name: [cell.count for cell in cells] for name, cells in at[1].matrix.items()}
    assert decisions == {"anger": [2, 2], "neutral": [2, 2]}
    assert [[cell.right for cell in cells] for cells in at[1].matrix.values()] == [[True, False], [False, True]]
    assert found.confusion == {"anger": {"anger": 4, "neutral": 0}, "neutral": {"anger": 1, "neutral": 3}}
    emotions = {name: (share, clean) for name, share, clean, _ in at[1].groups[0].rows}
    assert emotions == {"anger": (0.5, 1.0), "neutral": (0.5, 0.75)}


def test_decisions_that_an_earlier_version_did_not_keep_are_not_made_up(written):
    found, rows = made()
    rows = [replace(row, dense=replace(row.dense, decided=None)) for row in rows]
    found = Evaluation(**vars(evaluation("net", rows, CURVES, LABELS, {}, found.about)))
    assert [panel.matrix is None for panel in panels(found, rows)] == [True, True, True, False, False]
    assert "The decisions under attack were not kept" in Page(written(found, rows)).text


def test_a_gap_is_named_with_its_groups_and_its_null():
    found, rows = made([3 if number % 2 else 0 for number in range(40)])
    by_emotion = next(gap for gap in gaps(found, rows) if gap.by == "emotion")
    assert (by_emotion.worst, by_emotion.best) == (("anger", 0.0), ("neutral", 1.0))
    assert by_emotion.p_value < 0.01
    sentences = wording.weaknesses(found, gaps(found, rows))
    assert any("By emotion, anger suffers most" in sentence for sentence in sentences)
    equal, rows = made([2] * 40)
    assert all(gap.p_value == 1 for gap in gaps(equal, rows))
    assert not any("suffers most" in sentence for sentence in wording.weaknesses(equal, gaps(equal, rows)))


def test_what_breaks_it_and_what_to_do_follow_from_the_figures():
    found, _ = made()
    corrupted = [Corrupted("speed_up", 3, "1.5 times the speed", 0.25, (0.1, 0.5), 0.5, 4)]
    found = replace(found, corruptions=corrupted, flags={"randomised": "it is"})
    breaks = wording.weaknesses(found, [])
    assert "every sample by up to 10 % of the clip's peak (20 dB below it)" in breaks[0]
    assert "speed up (1.5 times the speed)" in breaks[-1]
    advice = wording.advice(found)
    assert advice[0].startswith("Settle the flags")
    assert "(20 dB; the defence adversarial_training)" in advice[1]
    assert len(advice) == wording.STEPS
    unbroken, _ = made([3] * 8)
    assert wording.weaknesses(unbroken, [])[0].startswith("No budget of the curve")
    assert not any("adversarial_training" in step for step in wording.advice(unbroken))


def test_the_page_shows_all_parts_and_starts_at_the_reference(written):
    found, rows = made(flags=("randomised",))
    found = replace(found, verdict=judged([Threshold("accuracy_robust", 0.99, reason="a reason")], rows, CURVES))
    text = Page(written(found, rows, [sound()])).text
    for part in ("What breaks it first", "Worst attacks", "Who is affected", "Decisions before and after", "Listen"):
        assert part in text
    assert "These figures are doubtful (randomised): meaning." in text
    assert "1 threshold: 1 fail" in text
    assert "a reason" in text
    shown = Page(written(found, rows, [sound()]))
    buttons = [one for one in shown.all("input") if one["name"] == "budget"]
    assert [one["id"] for one in buttons if "checked" in one] == ["at-1"]
    assert len(buttons) == len(found.curve)


def test_a_clip_is_heard_at_the_budgets_that_fool_it(written):
    found, rows = made()
    path = written(found, rows, [sound(number=1), sound(kind="sparse", number=0, id="other")])
    articles = [one["class"].split() for one in Page(path).all("article")]
    assert [sorted(name for name in names if name.startswith("at-")) for names in articles] == [
        ["at-1", "at-2"],
        ["at-3", "at-4"],
    ]
    assert "No clip is kept that is fooled at 60 dB" in Page(path).text


def test_the_data_of_the_chart_are_those_of_the_curve(written):
    found, rows = made()
    text = written(found, rows).read_text()
    dense, sparse = (json.loads(data) for data in re.findall(r'type="application/json">(.*?)</script>', text))
    values = {line["name"]: line["values"] for line in dense["lines"]}
    assert values["under attack"] == [point.accuracy_robust for point in found.curve[:3]]
    assert values["guessing"] == [0.5] * 3
    assert [text for _, text in dense["ticks"]] == ["60", "40", "20"]
    assert sparse["choices"] == ["at-3", "at-4"]


PAYLOADS = ("<script>alert(1)</script>\"'", "</style></script><img src=x onerror=alert(1)>", "{{ 7 * 7 }}", "&lt;b&gt;")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_stay_text_wherever_they_are_shown(written, payload):
    found, rows = made(model=payload, flags=(payload,))
    names = [{"id": payload + row.id, "speaker": payload + row.speaker, "gender": payload + row.label} for row in rows]
    rows = [replace(row, **own) for row, own in zip(rows, names, strict=True)]
    about = found.about | {"corpus": payload, "device": payload}
    found = Evaluation(**vars(evaluation(payload, rows, CURVES, LABELS, found.flags, about)))
    path = written(found, rows, [sound(id=payload, label=payload, decided=payload, attack=payload)])
    text, shown = path.read_text(), Page(path)
    check(text)
    assert len(re.findall("<script", text)) == len(re.findall("</script", text)) == 3 + 2
    assert not shown.all("img")
    assert " ".join(f"{payload} is right on".split()) in shown.text
    assert "49" not in shown.text or "{{" not in payload


def test_a_page_without_sounds_is_small_and_loads_nothing(written):
    found, rows = made([number % 4 for number in range(400)], speakers=30)
    path = written(found, rows)
    assert path.stat().st_size < 300_000
    for tag, attributes in Page(path).tags:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)


def test_the_clips_to_hear_are_those_of_the_strongest_attack_and_of_each_budget():
    _, rows = made([0, 0, 0, 1, 2, 2, 1, 0])
    rows[1] = replace(rows[1], dense=replace(rows[1].dense, attack="apgd"))
    attacked = {row.id: np.zeros(100 - number) for number, row in enumerate(rows)}
    picked = chosen(rows, "dense", attacked)
    assert [row.dense.smallest for row in picked[:3]] == [0, 1, 2]
    assert picked[0].id == rows[7].id  # the shortest
    assert picked[-1].id == rows[1].id
    assert chosen(rows, "dense", {}) == []


def test_an_evaluation_with_its_decisions_is_plain_json():
    found, _ = made()
    assert json.loads(json.dumps(found.as_json()))["curve"][1]["decisions"]["anger"] == {"anger": 2, "neutral": 2}
    assert asdict(found.curve[1])["attacks"] == {"fmn": 3}
