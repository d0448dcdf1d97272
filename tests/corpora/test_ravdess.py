import csv
from collections import Counter

import numpy as np
import pytest

from staanet.audio.files import read, write
from staanet.corpora import Ravdess
from staanet.data import by_speaker, folds, prepare

COUNTS = {
    "anger": 192,
    "calm": 192,
    "disgust": 192,
    "fear": 192,
    "happiness": 192,
    "neutral": 96,
    "sadness": 192,
    "surprise": 192,
}
KNOWN = {
    "03-01-01-01-02-02-01": ("neutral", "01", "male", "02", "normal"),
    "03-01-02-02-01-01-02": ("calm", "02", "female", "01", "strong"),
    "03-01-03-01-02-01-07": ("happiness", "07", "male", "02", "normal"),
    "03-01-04-02-01-02-24": ("sadness", "24", "female", "01", "strong"),
    "03-01-05-01-01-01-23": ("anger", "23", "male", "01", "normal"),
    "03-01-06-01-02-01-12": ("fear", "12", "female", "02", "normal"),
    "03-01-07-02-02-02-10": ("disgust", "10", "female", "02", "strong"),
    "03-01-08-02-01-01-19": ("surprise", "19", "male", "01", "strong"),
}
"""As the corpus' own description has them: emotion, actor, sex by odd or even, statement, intensity."""
TWINS = ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")
"""One recording under two names."""
OFFICIAL = "Audio_Speech_Actors_01-24/Actor_{actor}/{name}.wav"


def put(root, names, layout=OFFICIAL):
    for number, name in enumerate(names):
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, 400).astype(np.float32)
        write(root / layout.format(name=name, actor=name[-2:]), noise, 16_000)


@pytest.fixture
def complete(tmp_path):
    """The official folders with all 1440 names, and nothing in the files."""
    for actor in range(1, 25):
        folder = tmp_path / f"Actor_{actor:02d}"
        folder.mkdir()
        for emotion in range(1, 9):
            for take in range(4 if emotion == 1 else 8):
                intensity, statement, repetition = 1 + take // 4, 1 + take // 2 % 2, 1 + take % 2
                name = f"03-01-{emotion:02d}-{intensity:02d}-{statement:02d}-{repetition:02d}-{actor:02d}"
                (folder / f"{name}.wav").touch()
    return tmp_path


def check_complete(found):
    assert len(found.utterances) == 1440
    assert not found.missing
    assert not found.extra
    assert not found.problems
    assert Counter(utterance.label for utterance in found.utterances) == COUNTS
    speakers = {utterance.speaker: utterance.gender for utterance in found.utterances}
    assert Counter(speakers.values()) == {"female": 12, "male": 12}
    assert set(Counter(utterance.speaker for utterance in found.utterances).values()) == {60}


def check_splits(utterances):
    """Three women and three men are tested in each of four folds, and no split separates the twins."""
    speakers = {utterance.id: utterance.speaker for utterance in utterances}
    made = folds(utterances, 4)
    for split in made:
        tested = {speakers[clip] for clip in split.test}
        assert Counter(int(speaker) % 2 for speaker in tested) == {0: 3, 1: 3}
    for split in (*made, *(by_speaker(utterances, seed=seed) for seed in range(3))):
        assert sum(set(TWINS) <= set(subset) for subset in (split.train, split.val, split.test)) == 1


@pytest.mark.parametrize("layout", [OFFICIAL, "Actor_{actor}/{name}.wav", "{name}.flac", "deep/er/{name}.WAV"])
def test_what_is_known_of_a_clip_comes_from_its_name(tmp_path, layout):
    put(tmp_path, KNOWN, layout)
    found = Ravdess().validate(tmp_path)
    assert {u.id: (u.label, u.speaker, u.gender, u.statement, u.intensity) for u in found.utterances} == KNOWN
    assert {u.path for u in found.utterances} == {layout.format(name=name, actor=name[-2:]) for name in KNOWN}
    assert {u.language for u in found.utterances} == {"en"}
    assert len(found.missing) == 1440 - len(KNOWN)
    assert not set(found.missing) & set(KNOWN)
    assert not found.extra
    assert not found.problems


def test_the_official_folders_are_whole(complete):
    check_complete(Ravdess().validate(complete))


def test_splits_by_speaker_are_balanced_and_keep_the_twins_together(complete):
    check_splits(Ravdess().validate(complete).utterances)


def test_a_clip_that_is_not_there_is_missing(complete):
    (complete / "Actor_12" / "03-01-06-01-02-01-12.wav").unlink()
    found = Ravdess().validate(complete)
    assert found.missing == ["03-01-06-01-02-01-12"]
    assert len(found.utterances) == 1439


def test_the_labels_are_the_eight_emotions_in_alphabetical_order(tmp_path):
    assert Ravdess().labels(tmp_path) == tuple(COUNTS)


def test_without_calm_there_are_seven_classes_and_nothing_is_missing_or_extra(complete):
    corpus = Ravdess(calm=False)
    found = corpus.validate(complete)
    assert corpus.labels(complete) == tuple(label for label in COUNTS if label != "calm")
    assert Counter(u.label for u in found.utterances) == {k: v for k, v in COUNTS.items() if k != "calm"}
    assert (list(found.missing), list(found.extra), list(found.problems)) == ([], [], [])
    assert corpus.fingerprint(complete) != Ravdess().fingerprint(complete)


@pytest.mark.parametrize(
    "name",
    [
        "01-01-06-01-02-01-12",  # a video's audio
        "03-02-06-01-02-01-12",  # song
        "03-02-02-01-02-01-12",  # calm song
        "03-01-01-02-02-01-12",  # neutral has no strong intensity
    ],
)
@pytest.mark.parametrize("calm", [True, False])
def test_a_name_of_the_right_form_that_the_speech_has_not_is_extra(tmp_path, name, calm):
    put(tmp_path, ["03-01-06-01-02-01-12", name])
    found = Ravdess(calm=calm).validate(tmp_path)
    assert [utterance.id for utterance in found.utterances] == ["03-01-06-01-02-01-12"]
    assert found.extra == [OFFICIAL.format(name=name, actor="12")]
    assert not found.problems


@pytest.mark.parametrize(
    "wrong",
    [
        "speech",
        "03-01-09-01-02-01-12",
        "03-01-00-01-02-01-12",
        "03-01-06-03-02-01-12",
        "03-01-06-01-03-01-12",
        "03-01-06-01-02-01-25",
        "03-01-06-01-02-01-00",
        "03-01-06-01-02-12",
        "03-01-06-01-02-01-12-01",
        "03-01-06-01-02-01-12 (1)",
        "03_01_06_01_02_01_12",
    ],
)
def test_a_wrongly_named_file_is_reported_and_skipped(tmp_path, wrong):
    put(tmp_path, ["03-01-06-01-02-01-12", wrong], "{name}.wav")
    found = Ravdess().validate(tmp_path)
    assert [utterance.id for utterance in found.utterances] == ["03-01-06-01-02-01-12"]
    assert found.problems == [
        f"{tmp_path / wrong}.wav: expected a name like 03-01-06-01-02-01-12 (modality, channel, emotion, intensity, "
        "statement, repetition, actor); skipped"
    ]
    assert not found.extra


def test_a_clip_that_is_there_twice_is_reported_and_taken_once(tmp_path):
    for layout in ("{name}.flac", OFFICIAL):
        put(tmp_path, ["03-01-06-01-02-01-12"], layout)
    found = Ravdess().validate(tmp_path)
    assert [u.path for u in found.utterances] == ["03-01-06-01-02-01-12.flac"]
    other = tmp_path / OFFICIAL.format(name="03-01-06-01-02-01-12", actor="12")
    assert found.problems == [f"{other}: expected each clip once, got another 03-01-06-01-02-01-12; skipped"]


def test_the_toy_corpus_becomes_a_dataset_with_what_was_wrong(tmp_path):
    put(tmp_path / "ravdess", [*KNOWN, "notes"])
    dataset = prepare(Ravdess(), tmp_path / "ravdess", tmp_path / "dataset")
    assert set(dataset.utterances) == set(KNOWN)
    assert dataset.utterances["03-01-06-01-02-01-12"].intensity == "normal"
    assert dataset.labels == tuple(COUNTS)
    assert len(dataset.skipped) == 1


@pytest.mark.corpus
def test_the_real_corpus_is_whole_and_splits_well(ravdess):
    found = Ravdess().validate(ravdess)
    check_complete(found)
    check_splits(found.utterances)


@pytest.mark.corpus
def test_the_real_twins_are_one_recording(ravdess):
    paths = {utterance.id: ravdess / utterance.path for utterance in Ravdess().validate(ravdess).utterances}
    one, other = (read(paths[name])[0] for name in TWINS)
    assert np.array_equal(one, other)


@pytest.mark.corpus
def test_the_real_corpus_agrees_with_its_own_table(ravdess):
    with (ravdess / "metadata.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    found = {u.path: u for u in Ravdess().validate(ravdess).utterances}
    names = {"happy": "happiness", "sad": "sadness", "angry": "anger", "fearful": "fear", "surprised": "surprise"}
    assert {row["file"] for row in table} == set(found)
    for row in table:
        clip = found[row["file"]]
        assert (clip.label, clip.speaker) == (names.get(row["emotion"], row["emotion"]), row["speaker"])
        assert (clip.gender, clip.language, clip.statement) == (row["gender"], row["language"], row["sentence"])
