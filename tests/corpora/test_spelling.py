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
        ("female", ("female", "Female", "F", "f", " W", "woman")),
        ("male", ("male", "MALE", "M", "m", "Man")),
        ("diverse", ("diverse", "Diverse ")),
        (None, (None, "")),
    ],
)
def test_spellings_of_a_gender_become_one(gender, spellings):
    tidy, remarks = unified(described(*(("joy", f"s{n}", spelling) for n, spelling in enumerate(spellings))))
    assert [clip.gender for clip in tidy] == [gender] * len(spellings)
    assert remarks == []


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
