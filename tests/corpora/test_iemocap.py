from collections import Counter
from pathlib import PurePath

import numpy as np
import pytest

from staanet.audio.files import write
from staanet.core.errors import StaanetError
from staanet.corpora import Iemocap, iemocap
from staanet.data import by_subsets, folds, prepare

PAPER = {"train": ("1", "2", "5"), "val": ("4",), "test": ("3",)}
"""The sessions of the STAA-Net paper's subsets (arXiv 2402.01227, section 4.1)."""
TABLE_1 = {
    "train": {"anger": 536, "happiness": 1047, "neutral": 1130, "sadness": 636},
    "val": {"anger": 327, "happiness": 303, "neutral": 258, "sadness": 143},
    "test": {"anger": 240, "happiness": 286, "neutral": 320, "sadness": 305},
}
"""As that paper prints it; 5531 clips in all."""
SESSIONS = {
    "1": {"ang": 229, "exc": 143, "hap": 135, "neu": 384, "sad": 194},
    "2": {"ang": 137, "exc": 210, "hap": 117, "neu": 362, "sad": 197},
    "3": {"ang": 240, "exc": 151, "hap": 135, "neu": 320, "sad": 305},
    "4": {"ang": 327, "exc": 238, "hap": 65, "neu": 258, "sad": 143},
    "5": {"ang": 170, "exc": 299, "hap": 143, "neu": 384, "sad": 245},
}
"""How many turns of each code the release has."""
KNOWN = {
    "Ses01F_impro01_F000": ("neu", "neutral", "Ses01F", "female", "1"),
    "Ses01F_impro01_M003": ("ang", "anger", "Ses01M", "male", "1"),
    "Ses02M_impro05a_F010": ("exc", "happiness", "Ses02F", "female", "2"),
    "Ses03M_script01_1_M004": ("hap", "happiness", "Ses03M", "male", "3"),
    "Ses05M_script01_1b_F021": ("sad", "sadness", "Ses05F", "female", "5"),
}
"""The speaker is given by the letter before the turn's number; the one after Ses01 names who wore the markers."""


def clip(turn):
    session, dialogue = turn[4], turn.rsplit("_", 1)[0]
    return f"Session{session}/sentences/wav/{dialogue}/{turn}.wav"


def evaluate(root, turns, newline="\n", ratings=None):
    """Write evaluations as the release has them: a line per turn, annotators below, in a file per dialogue."""
    ratings = ratings or {}
    files = {}
    for turn, code in turns.items():
        dialogue = turn.rsplit("_", 1)[0]
        file = root / f"Session{turn[4]}" / "dialog" / "EmoEvaluation" / f"{dialogue}.txt"
        files.setdefault(file, "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n")
        rated = ratings.get(turn, "2.5000, 2.5000, 2.5000")
        files[file] += f"[6.2901 - 8.2357]\t{turn}\t{code}\t[{rated}]\nC-E2:\tNeutral;\t()\n"
        files[file] += "A-E3:\tval 3; act 2; dom  2;\t()\n\n"
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.replace("\n", newline).encode())


def put(root, paths):
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 1600).astype(np.float32)
    for path in paths:
        write(root / path, noise, 16_000)


@pytest.fixture
def toy(tmp_path):
    root = tmp_path / "IEMOCAP_full_release"
    evaluate(root, {turn: code for turn, (code, *_) in KNOWN.items()})
    put(root, [clip(turn) for turn in KNOWN])
    return root


@pytest.fixture
def complete(tmp_path, monkeypatch):
    """The release's evaluations, and the names of all its turns without the files."""
    turns = {}
    for session, counts in SESSIONS.items():
        for number, code in enumerate(Counter(counts | {"fru": 10, "xxx": 5}).elements()):
            turns[f"Ses0{session}F_impro{number // 1000:02d}_{'FM'[number % 2]}{number % 1000:03d}"] = code
    evaluate(tmp_path, turns)
    monkeypatch.setattr(iemocap, "audio_files", lambda _: sorted(clip(turn) for turn in turns))
    return tmp_path


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("below", ["", "IEMOCAP_full_release"])
def test_what_is_known_of_a_turn_comes_from_its_name_and_the_evaluations(toy, tmp_path, newline, below):
    evaluate(toy, {turn: code for turn, (code, *_) in KNOWN.items()}, newline)
    found = Iemocap().validate(toy if not below else tmp_path)
    described = {u.id: (u.label, u.speaker, u.gender, u.session) for u in found.utterances}
    assert described == {turn: tuple(known) for turn, (_, *known) in KNOWN.items()}
    assert {u.language for u in found.utterances} == {"en"}
    assert (list(found.missing), list(found.extra), list(found.problems)) == ([], [], [])


def test_the_labels_are_the_four_emotions_in_alphabetical_order(tmp_path):
    assert Iemocap().labels(tmp_path) == ("anger", "happiness", "neutral", "sadness")


def test_the_papers_sessions_have_the_counts_of_its_table(complete):
    found = Iemocap().validate(complete)
    split = by_subsets(found.utterances, PAPER)
    labels = {u.id: u.label for u in found.utterances}
    assert {subset: Counter(labels[clip] for clip in getattr(split, subset)) for subset in TABLE_1} == TABLE_1
    assert len(found.utterances) == 5531
    assert found.remarks == ["skipped 75 clips of other classes: frustration 50, no agreement 25"]
    assert (list(found.missing), list(found.extra), list(found.problems)) == ([], [], [])


def test_the_published_counts_are_those_of_the_papers_table():
    for subset, sessions in PAPER.items():
        assert sum((Counter(iemocap.PUBLISHED[session]) for session in sessions), Counter()) == TABLE_1[subset]


def test_in_five_folds_each_session_is_tested_once_and_no_speaker_is_in_two_subsets(complete):
    found = Iemocap().validate(complete)
    speakers = {u.id: u.speaker for u in found.utterances}
    for number, split in enumerate(folds(found.utterances, 5, by="session")):
        subsets = [{speakers[clip] for clip in subset} for subset in (split.train, split.val, split.test)]
        assert subsets[2] == {f"Ses0{number + 1}F", f"Ses0{number + 1}M"}
        assert subsets[1] == {f"Ses0{(number + 1) % 5 + 1}F", f"Ses0{(number + 1) % 5 + 1}M"}
        assert len(set.union(*subsets)) == sum(map(len, subsets)) == 10


def test_a_session_that_is_not_there_is_reported_in_one_line(complete, monkeypatch):
    files = [path for path in iemocap.audio_files(complete) if not path.startswith("Session3")]
    monkeypatch.setattr(iemocap, "audio_files", lambda _: files)
    for file in (complete / "Session3").rglob("*.txt"):
        file.unlink()
    found = Iemocap().validate(complete)
    assert found.remarks[1:] == [
        "session 3: expected 1151 clips (anger 240, happiness 286, neutral 320, sadness 305), got none"
    ]
    assert not found.missing
    assert not found.problems
    with pytest.raises(StaanetError, match="expected a session from 1, 2, 4, 5; got '3'"):
        by_subsets(found.utterances, PAPER)


def test_a_turn_without_audio_is_missing_and_its_session_reported(complete, monkeypatch):
    files = list(iemocap.audio_files(complete))
    monkeypatch.setattr(iemocap, "audio_files", lambda _: files[1:])
    found = Iemocap().validate(complete)
    assert found.missing == [PurePath(files[0]).stem]
    assert [line.split(":")[0] for line in found.remarks[1:]] == ["session 1"]


def test_a_turn_without_an_evaluation_is_extra(toy):
    put(toy, [clip("Ses01F_impro01_M099")])
    assert Iemocap().validate(toy).extra == [clip("Ses01F_impro01_M099")]


def test_recordings_of_complete_dialogues_are_ignored(toy):
    put(toy, ["Session1/dialog/wav/Ses01F_impro01.wav"])
    found = Iemocap().validate(toy)
    assert len(found.utterances) == len(KNOWN)
    assert (list(found.extra), list(found.problems)) == ([], [])


def test_evaluations_of_single_annotators_are_passed_over(toy):
    file = toy / "Session1" / "dialog" / "EmoEvaluation" / "Categorical" / "Ses01F_impro01_e2_cat.txt"
    file.parent.mkdir()
    file.write_text("[6.2901 - 8.2357]\tSes01F_impro01_F099\tang\t[2.5, 2.5, 2.5]\n")
    put(toy, [clip("Ses01F_impro01_F099")])
    found = Iemocap().validate(toy)
    assert found.extra == [clip("Ses01F_impro01_F099")]
    assert len(found.utterances) == len(KNOWN)


def test_a_code_that_is_not_in_the_corpus_is_reported(toy):
    evaluate(toy, {"Ses01F_impro01_F000": "joy", "Ses01F_impro01_M003": "ang"})
    found = Iemocap().validate(toy)
    assert len(found.utterances) == len(KNOWN) - 1
    assert found.remarks[0] == "skipped 1 clips of other classes: joy 1"


@pytest.mark.parametrize("wrong", ["Ses06F_impro01_F000", "Ses01F_impro01_X000", "Ses01F_impro01", "speech"])
def test_a_wrongly_named_file_is_reported_and_skipped(toy, wrong):
    put(toy, [f"Session1/sentences/wav/{wrong}.wav"])
    found = Iemocap().validate(toy)
    assert found.problems == [
        f"{toy}/Session1/sentences/wav/{wrong}.wav: expected a name like Ses01F_impro01_M003 (session, dialogue, "
        "sex and turn); skipped"
    ]
    assert len(found.utterances) == len(KNOWN)


def test_a_turn_that_is_there_twice_is_reported_and_taken_once(toy):
    put(toy, ["Session1/Ses01F_impro01_F000.wav"])
    found = Iemocap().validate(toy)
    assert found.problems == [
        f"{toy / clip('Ses01F_impro01_F000')}: expected each clip once, got another Ses01F_impro01_F000; skipped"
    ]


def test_a_folder_without_evaluations_is_reported(tmp_path):
    put(tmp_path, [clip("Ses01F_impro01_F000")])
    with pytest.raises(StaanetError, match=r"expected evaluations such as Session1/dialog/EmoEvaluation.*found none"):
        Iemocap().validate(tmp_path)


def test_the_miniature_becomes_a_dataset(toy, tmp_path):
    dataset = prepare(Iemocap(), toy, tmp_path / "dataset")
    assert set(dataset.utterances) == set(KNOWN)
    assert dataset.labels == ("anger", "happiness", "neutral", "sadness")
    assert dataset.utterances["Ses02M_impro05a_F010"].session == "2"


VAD = {
    "Ses01F_impro01_F000": "1.0000, 5.0000, 3.0000",
    "Ses01F_impro01_F001": "2.0000, 3.5000, 4.0000",
    "Ses01F_impro01_F002": "5.5000, 3.0000, 3.0000",
    "Ses01F_impro01_M003": "4.0000, 2.0000, 2.5000",
    "Ses01F_impro01_M004": "NaN, 2.0000, 2.5000",
}
"""Mean ratings of valence, arousal and dominance; the release has a few off the scale."""
CODES = dict(zip(VAD, ("neu", "fru", "hap", "ang", "xxx"), strict=True))


@pytest.fixture
def rated(tmp_path):
    root = tmp_path / "IEMOCAP_full_release"
    evaluate(root, CODES, ratings=VAD)
    put(root, [clip(turn) for turn in VAD])
    return root


def test_ratings_are_read_in_their_order_as_shares_of_the_scale_for_turns_of_every_emotion(rated):
    found = Iemocap(dimensions=("arousal", "valence")).validate(rated)
    assert {turn.id: (turn.label, turn.dimensions) for turn in found.utterances} == {
        "Ses01F_impro01_F000": ("neutral", {"arousal": 1.0, "valence": 0.0}),
        "Ses01F_impro01_F001": ("unspecified", {"arousal": 0.625, "valence": 0.25}),
        "Ses01F_impro01_M003": ("anger", {"arousal": 0.25, "valence": 0.75}),
    }
    assert found.problems == [
        f"{rated}: Ses01F_impro01_F002: expected valence on the scale from 1 to 5, got '5.5000'; skipped",
        f"{rated}: Ses01F_impro01_M004: expected valence on the scale from 1 to 5, got 'NaN'; skipped",
    ]
    assert (list(found.missing), list(found.extra)) == ([], [])
    dominance = Iemocap(dimensions=("dominance",)).validate(rated)
    assert [turn.dimensions["dominance"] for turn in dominance.utterances] == [0.5, 0.75, 0.5, 0.375, 0.375]


def test_without_dimensions_ratings_are_not_read(rated):
    found = Iemocap().validate(rated)
    assert [turn.label for turn in found.utterances] == ["neutral", "happiness", "anger"]
    assert found.problems == []


def test_a_rated_miniature_becomes_a_dataset_with_ratings(rated, tmp_path):
    dataset = prepare(Iemocap(dimensions=("valence", "arousal")), rated, tmp_path / "dataset")
    assert dataset.dimensions == ("valence", "arousal")
    assert dataset.ratings(["Ses01F_impro01_F001"], ["arousal"]).tolist() == [[0.625]]


def test_a_dimension_that_is_not_rated_is_refused():
    with pytest.raises(StaanetError, match="a dimension from arousal, dominance, valence; got 'power'"):
        Iemocap(dimensions=("power",))
