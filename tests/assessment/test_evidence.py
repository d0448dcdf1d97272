"""The evidence file has everything that must be known, marks blanks, claims nothing, and is kept once filled in."""

import re
from dataclasses import replace

import pytest

from staanet.assessment import evidence
from staanet.assessment.corrupted import Corrupted
from staanet.assessment.settings import Curves
from staanet.audio.corruptions import CORRUPTIONS
from staanet.core.signature import file_digest

FOOLED = [0, 1, 2, -1, 2, 2]


@pytest.fixture
def folder(tmp_path):
    for name in ("evaluation.json", "clips.json"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize("access", ["gradient", "scores", "decision"])
def test_no_line_claims_what_only_a_person_can_decide(made_up, access):
    text = evidence.text(made_up(FOOLED, access=access), {})
    assert not re.search(r"compl(y|ies|iant|iance|ied)|conform|certif|guarantee", text, re.IGNORECASE)
    assert not re.search(r"\b(safe to use|approved|lawful|meets)\b", text, re.IGNORECASE)


def test_what_whoever_signs_must_know_is_there(made_up, folder):
    found = made_up(FOOLED, curves=Curves(dense=(60.0, 40.0), sparse=(0.0, 0.01)), weights="ab12", flags=["randomised"])
    evidence.write(found, folder)
    text = (folder / "evidence.md").read_text()
    for said in (
        "work or in education is prohibited",
        "Article 5(1)(f)",
        "Annex III, point 1(c)",
        "Article 50(3)",
        "NIST AI 100-2 E2025",
        "evasion",
        "White-box",
        "fmn, apgd",
        "Article 15(3)",
        "`ab12`",
        f"`{file_digest(folder / 'clips.json')}`",
        f"`{file_digest(folder / 'evaluation.json')}`",
        "robust accuracy, 17 dB, one sample",
        "randomised: meaning",
        "What was not tested",
        "When to test again",
    ):
        assert said in text, said
    assert text.count(evidence.BLANK) > 10


def test_attacks_with_gradients_count_as_not_tested_where_a_model_gives_none(made_up):
    line = "Attacks with gradients"
    assert line in evidence.text(made_up(FOOLED, access="scores"), {})
    assert line not in evidence.text(made_up(FOOLED), {})


def test_a_file_with_entries_is_kept(made_up, folder, caplog):
    evidence.write(made_up(FOOLED), folder)
    evidence.write(made_up(FOOLED, "other"), folder)
    text = (folder / "evidence.md").read_text()
    assert "robustness of other" in text
    filled_in = re.sub(r"\[TO BE FILLED IN: names\]", "Speech Ltd", text)
    (folder / "evidence.md").write_text(filled_in)
    evidence.write(made_up(FOOLED), folder)
    assert (folder / "evidence.md").read_text() == filled_in
    assert "robustness of net" in (folder / "new-evidence.md").read_text()
    assert "stays as it is" in caplog.text


def test_corruptions_are_named_whether_they_were_tested_or_not(made_up):
    some = [
        Corrupted(name, severity, f"{severity} kbit/s", 0.5, (0.4, 0.6), None, 0)
        for name, severities in (("mp3", (1, 3, 5)), ("opus", (1, 3)), ("babble", (1, 3, 5)))
        for severity in severities
    ]
    whole = [Corrupted("gsm", severity, "1 time", 0.5, (0.4, 0.6), None, 0) for severity in range(1, 6)]
    tried = ("mp3", "opus", "babble", "gsm")
    text = evidence.text(replace(made_up(FOOLED), corruptions=[*some, *whole]), {})
    tested, untested = text.split("## What was not tested")
    assert "| mp3 | 3 | 3 kbit/s | 50.0 |" in tested
    assert f"- Corruptions: {', '.join(name for name in CORRUPTIONS if name not in tried)}." in untested
    assert "- Severities 2, 4 of babble, mp3.\n" in untested
    assert "- Severities 2, 4, 5 of opus.\n" in untested
    text = evidence.text(replace(made_up(FOOLED), corruptions=()), {})
    assert "None was tested." in text
    assert f"- Corruptions: {', '.join(CORRUPTIONS)}." in text
    assert "Severities 2" not in text
