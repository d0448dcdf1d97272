import warnings

import pytest

from staanet.corpora.base import Utterance
from staanet.data.feasible_splits import split_check, split_doubts
from staanet.data.splits import by_speaker, folds


def nothing(_):
    return None


def clips(speakers, session=nothing, gender=nothing, labels=("joy", "fear")):
    return [
        Utterance(f"{speaker}{label}{take}", "", label, speaker, gender(speaker), session=session(speaker))
        for speaker in speakers
        for label in labels
        for take in range(2)
    ]


def test_a_split_that_works_has_speakers_in_each_subset():
    check = split_check(clips("abcdefghij"))
    assert (check["error"], check["speakers"], check["instead"]) == (None, {"train": 6, "val": 2, "test": 2}, [])
    assert split_doubts(check) == []


def test_two_speakers_can_be_split_by_id_only():
    check = split_check(clips("ab"))
    assert check["instead"] == ['by = "id"']
    (line,) = split_doubts(check)
    assert "got 2 in all and none for val, test" in line
    assert line.endswith('what works in [split]: by = "id"; with id, results say nothing about new speakers')


def test_two_women_and_two_men_can_be_split_into_folds():
    few = clips("abcd", gender=lambda speaker: "female" if speaker in "ab" else "male")
    check = split_check(few)
    assert check["error"]
    assert check["instead"] == ["folds = 4", "folds = 3", 'by = "id"']
    assert len(folds(few, 4)) == 4


def test_official_subsets_and_sessions_come_first():
    two_speakers = [
        Utterance(f"{session}{label}", "", label, "a" if session == "train" else "b", session=session)
        for session in ("train", "val", "test")
        for label in ("joy", "fear")
    ]
    assert split_check(two_speakers)["instead"][:2] == ['by = "session"', 'by = "session", folds = 3']


def test_another_seed_is_suggested_if_it_helps():
    every = clips("abcdefgh")
    tested = sorted({clip.speaker for clip in every if clip.id in by_speaker(every).test})
    uneven = [*every, *clips(tested, labels=("sad",))]
    check = split_check(uneven)
    assert "expected clips of 'sad' by training speakers" in check["error"]
    suggestion = check["instead"][0]
    assert suggestion.startswith("another seed, such as ")
    assert by_speaker(uneven, seed=int(suggestion.split()[-1])).train


@pytest.mark.parametrize("labels", [("joy",), ("joy", "fear")])
def test_where_nothing_works_it_is_said_and_nothing_is_warned(labels):
    single = [Utterance(label, "", label, "a") for label in labels]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check = split_check(single)
    assert check["instead"] == []
    assert "no other split works either" in split_doubts(check)[0]
