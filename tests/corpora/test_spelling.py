import unicodedata

import pytest

from staanet.corpora.base import Utterance
from staanet.corpora.spelling import path_key, unified


def described(*rows):
    return [Utterance(str(n), f"{n}.wav", label, speaker, gender) for n, (label, speaker, gender) in enumerate(rows)]


def labels_of(found):
    return [clip.label for clip in found[0]]


def test_emotions_that_differ_in_case_become_the_most_frequent_spelling():
    found = unified(described(*((label, "x", None) for label in ("Joy", "Joy", "joy", "JOY", "anger", "Anger"))))
    assert labels_of(found) == ["Joy", "Joy", "Joy", "Joy", "anger", "anger"]
    assert found[1] == [
        f"read {label!r} (1 clips) as the emotion {kept!r}, because they differ in case only"
        for label, kept in (("Anger", "anger"), ("JOY", "Joy"), ("joy", "Joy"))
    ]


def test_emotions_become_the_spelling_that_was_asked_for():
    found = unified(described(("joy", "x", None), ("joy", "x", None), ("JOY", "x", None)), ("JOY", "Anger"))
    assert labels_of(found) == ["JOY"] * 3


def test_emotions_that_were_asked_for_in_both_cases_stay_apart():
    found = unified(described(("joy", "x", None), ("Joy", "x", None)), ("Joy", "joy"))
    assert labels_of(found) == ["joy", "Joy"]
    assert found[1] == []


def test_the_same_letters_in_another_unicode_form_are_the_same_emotion_and_speaker():
    clips = [
        (unicodedata.normalize(form, " Ärger"), unicodedata.normalize(form, "Jörg "), None) for form in ("NFC", "NFD")
    ]
    tidy, remarks = unified(described(*clips))
    assert {(clip.label, clip.speaker) for clip in tidy} == {("Ärger", "Jörg")}
    assert remarks == []


@pytest.mark.parametrize(
    ("gender", "spellings"),
    [
        (
            "female",
            ("female", "Female", "F", "f", " W", "woman", "weiblich", "Femme", "donna", "mujer", "女"),
        ),
        ("male", ("male", "MALE", "M", "Man", "männlich", "Ma\u0308nnlich", "homme", "Uomo", "hombre", "mężczyzna")),
        (None, (None, "")),
    ],
)
def test_spellings_of_a_gender_become_one(gender, spellings):
    tidy, remarks = unified(described(*(("joy", f"s{n}", spelling) for n, spelling in enumerate(spellings))))
    assert [clip.gender for clip in tidy] == [gender] * len(spellings)
    assert remarks == []


def test_a_gender_that_is_no_known_word_is_kept_and_remarked():
    tidy, (remark,) = unified(described(("joy", "a", "Diverse "), ("joy", "b", "diverse"), ("joy", "c", "f")))
    assert [clip.gender for clip in tidy] == ["diverse", "diverse", "female"]
    assert remark.startswith("expected the gender 'female' or 'male', got 'diverse' (2 clips); kept")


def test_emotions_that_differ_in_spaces_only_become_one():
    tidy, (remark,) = unified(described(*((label, "x", None) for label in ("very happy", "very happy", "VeryHappy"))))
    assert {clip.label for clip in tidy} == {"very happy"}
    assert remark == "read 'VeryHappy' (1 clips) as the emotion 'very happy', because they differ in spaces only"


def test_several_speakers_of_two_genders_are_one_remark():
    rows = [("joy", speaker, gender) for speaker in "abc" for gender in ("f", "m")]
    _, (remark,) = unified(described(*rows))
    assert "got 'female', 'male' for 'a' and 2 more speakers" in remark


def test_speakers_who_differ_in_case_stay_apart_and_are_remarked():
    tidy, (remark,) = unified(described(("joy", "Anna", None), ("joy", "anna", None), ("joy", "ben", None)))
    assert [clip.speaker for clip in tidy] == ["Anna", "anna", "ben"]
    assert "got 'Anna', 'anna', which differ in case only" in remark


def test_a_speaker_of_two_genders_is_remarked():
    _, (remark,) = unified(described(("joy", "anna", "female"), ("joy", "anna", "m"), ("joy", "ben", "m")))
    assert remark == "expected one gender for each speaker, got 'female', 'male' for 'anna'; correct the table"


@pytest.mark.parametrize("path", ["sub/É.wav", "sub\\É.WAV", "./sub//e\u0301.wav", "other/../sub/É.wav"])
def test_spellings_of_a_path_have_one_key(path):
    assert path_key(path) == "sub/é.wav"
    assert path_key("../sub/é.wav") != "sub/é.wav"
