import numpy as np
import pytest

from staanet.audio.files import write
from staanet.core.errors import StaanetError
from staanet.corpora import MspImprov
from staanet.data import by_subsets, folds, prepare

KNOWN = {
    "S01A-F01-P-FM01": ("N", "neutral", "F01", "female", "1", None),
    "S01A-F01-T-FM02": ("A", "anger", "F01", "female", "1", "S01"),
    "S13N-F02-S-MF02": ("H", "happiness", "F02", "female", "2", None),
    "S20S-M06-R-MM01": ("S", "sadness", "M06", "male", "6", "S20"),
}
"""By the turn: the code of its emotion, and what is known of it."""


def evaluations(turns):
    """Return the labels as the release has them: a line per turn, annotators below."""
    return "".join(
        f"UTD-IMPROV-{turn}.avi; {code}; A:3.000000; V:3.500000; D:3.000000 ; N:3.200000;\n"
        "ID001_female; Neutral; Neutral; A:3; V:3; D:3 ; N:3;\n\n"
        for turn, code in turns.items()
    )


def clip(turn, suffix="wav"):
    scene, speaker, kind, _ = turn.split("-")
    return f"Audio/session{speaker[-1]}/{scene}/{kind}/MSP-IMPROV-{turn}.{suffix}"


def put(root, paths):
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 1600).astype(np.float32)
    for path in paths:
        write(root / path, noise, 16_000)


@pytest.fixture
def toy(tmp_path):
    put(tmp_path, [clip(turn) for turn in KNOWN])
    (tmp_path / "Evalution.txt").write_text(evaluations({turn: code for turn, (code, *_) in KNOWN.items()}))
    return tmp_path


def described(found):
    return {u.id: (u.label, u.speaker, u.gender, u.session, u.statement) for u in found.utterances}


@pytest.mark.parametrize("name", ["Evalution.txt", "Evaluation.txt", "Human/Evaluation.txt"])
def test_what_is_known_of_a_turn_comes_from_its_name_and_the_evaluations(toy, name):
    (toy / name).parent.mkdir(exist_ok=True)
    (toy / "Evalution.txt").rename(toy / name)
    found = MspImprov().validate(toy)
    assert described(found) == {f"MSP-IMPROV-{turn}": tuple(known) for turn, (_, *known) in KNOWN.items()}
    assert {u.language for u in found.utterances} == {"en"}
    problems = (found.missing, found.extra, found.problems, found.remarks)
    assert [list(lines) for lines in problems] == [[], [], [], []]


def test_the_labels_are_the_four_emotions_in_alphabetical_order(tmp_path):
    assert MspImprov().labels(tmp_path) == ("anger", "happiness", "neutral", "sadness")


def test_turns_of_other_classes_are_reported_in_one_line_and_skipped(toy):
    more = {"S01A-M01-S-MF01": "O", "S01A-M01-S-MF02": "X", "S01A-M01-S-MF03": "X"}
    with (toy / "Evalution.txt").open("a") as file:
        file.write(evaluations(more))
    put(toy, [clip(turn) for turn in more])
    found = MspImprov().validate(toy)
    assert len(found.utterances) == len(KNOWN)
    assert found.remarks == ["skipped 3 clips of other classes: no agreement 2, other 1"]
    assert not found.missing


def test_a_turn_without_audio_is_missing_and_one_without_a_label_extra(toy):
    (toy / clip("S01A-F01-P-FM01")).unlink()
    put(toy, [clip("S05H-M03-S-FM09")])
    found = MspImprov().validate(toy)
    assert found.missing == ["MSP-IMPROV-S01A-F01-P-FM01"]
    assert found.extra == [clip("S05H-M03-S-FM09")]


@pytest.mark.parametrize("wrong", ["MSP-IMPROV-S01A-F07-P-FM01", "MSP-IMPROV-S01X-F01-P-FM01", "S01A-F01-P-FM01"])
def test_a_wrongly_named_file_is_reported_and_skipped(toy, wrong):
    put(toy, [f"{wrong}.wav"])
    assert MspImprov().validate(toy).problems == [
        f"{toy / wrong}.wav: expected a name like MSP-IMPROV-S01A-F01-T-FM01 (sentence and intended emotion, "
        "speaker, kind, turn); skipped"
    ]


def test_a_turn_that_is_there_twice_is_reported_and_taken_once(toy):
    put(toy, [clip("S01A-F01-P-FM01", "flac")])
    found = MspImprov().validate(toy)
    assert len(found.utterances) == len(KNOWN)
    assert found.problems == [
        f"{toy / clip('S01A-F01-P-FM01')}: expected each clip once, got another MSP-IMPROV-S01A-F01-P-FM01; skipped"
    ]


def test_a_folder_without_evaluations_is_reported(toy):
    (toy / "Evalution.txt").unlink()
    with pytest.raises(StaanetError, match=r"expected a file Evalution.txt with the labels, found none"):
        MspImprov().validate(toy)


def test_its_sessions_may_be_folds_and_subsets(tmp_path):
    turns = {
        f"S0{number}{code}-{sex}0{session}-S-FM0{number}": code
        for session in range(1, 7)
        for sex in "FM"
        for number, code in enumerate("AHNS", start=1)
    }
    put(tmp_path, [clip(turn) for turn in turns])
    (tmp_path / "Evalution.txt").write_text(evaluations(turns))
    utterances = MspImprov().validate(tmp_path).utterances
    assert [{clip.split("-")[3] for clip in split.test} for split in folds(utterances, 6, by="session")] == [
        {f"F0{session}", f"M0{session}"} for session in range(1, 7)
    ]
    split = by_subsets(utterances, {"train": ("1", "2", "3", "4"), "val": ("5",), "test": ("6",)})
    assert (len(split.train), len(split.val), len(split.test)) == (32, 8, 8)


def test_the_miniature_becomes_a_dataset(toy, tmp_path):
    dataset = prepare(MspImprov(), toy, tmp_path / "dataset")
    assert len(dataset) == len(KNOWN)
    assert dataset.labels == ("anger", "happiness", "neutral", "sadness")
