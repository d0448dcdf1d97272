import csv
from collections import Counter

import numpy as np
import pytest

from staanet.audio.files import write
from staanet.corpora import EmoDB
from staanet.data import prepare

COUNTS = {
    "anger": 127,
    "boredom": 81,
    "disgust": 46,
    "fear": 69,
    "happiness": 71,
    "neutral": 79,
    "sadness": 62,
}
KNOWN = {
    "03a01Fa": ("happiness", "03", "male"),
    "08a01Na": ("neutral", "08", "female"),
    "09b03Ed": ("disgust", "09", "female"),
    "10a04Wa": ("anger", "10", "male"),
    "13a05Lc": ("boredom", "13", "female"),
    "16b10Td": ("sadness", "16", "female"),
    "15a02Ac": ("fear", "15", "male"),
}
"""As the corpus' own description has them: speaker, text, emotion's German initial, version."""


def put(root, names):
    for number, name in enumerate(names):
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, 400).astype(np.float32)
        write(root / name, noise, 16_000)


@pytest.mark.parametrize("layout", ["wav/{}.wav", "{}.flac", "deep/er/{}.WAV"])
def test_labels_speakers_and_sexes_come_from_the_names(tmp_path, layout):
    put(tmp_path, [layout.format(name) for name in KNOWN])
    found = EmoDB().validate(tmp_path)
    assert {u.id: (u.label, u.speaker, u.gender) for u in found.utterances} == KNOWN
    assert {u.path for u in found.utterances} == {layout.format(name) for name in KNOWN}
    assert {u.language for u in found.utterances} == {"de"}
    assert {u.id: u.statement for u in found.utterances} == {name: name[2:5] for name in KNOWN}
    assert len(found.missing) == 535 - len([name for name in KNOWN if name not in found.extra])
    assert not set(found.missing) & set(KNOWN)
    assert not found.problems


def test_the_labels_are_the_seven_emotions_in_alphabetical_order(tmp_path):
    assert EmoDB().labels(tmp_path) == tuple(COUNTS)


@pytest.mark.parametrize("wrong", ["speech.wav", "03a01Xa.wav", "07a01Fa.wav", "03a01F.wav", "03a01Fab.wav"])
def test_a_wrongly_named_file_is_reported_and_skipped(tmp_path, wrong):
    put(tmp_path, ["wav/03a01Fa.wav", f"wav/{wrong}"])
    found = EmoDB().validate(tmp_path)
    assert [utterance.id for utterance in found.utterances] == ["03a01Fa"]
    assert found.problems == [
        f"{tmp_path / 'wav' / wrong}: expected a name like 03a01Fa (speaker, sentence, emotion, version); skipped"
    ]


def test_a_clip_that_is_there_twice_is_reported_and_taken_once(tmp_path):
    put(tmp_path, ["03a01Fa.flac", "wav/03a01Fa.wav"])
    found = EmoDB().validate(tmp_path)
    assert [utterance.path for utterance in found.utterances] == ["03a01Fa.flac"]
    assert found.problems == [f"{tmp_path / 'wav/03a01Fa.wav'}: expected each clip once, got another 03a01Fa; skipped"]


def test_a_name_of_the_right_form_that_is_not_in_the_corpus_is_extra(tmp_path):
    put(tmp_path, ["03a01Fa.wav", "03a01Fz.wav"])
    found = EmoDB().validate(tmp_path)
    assert found.extra == ["03a01Fz.wav"]
    assert [utterance.id for utterance in found.utterances] == ["03a01Fa"]


def test_the_toy_corpus_becomes_a_dataset_with_what_was_wrong(tmp_path):
    put(tmp_path / "emodb", [*(f"wav/{name}.wav" for name in KNOWN), "wav/notes.wav"])
    dataset = prepare(EmoDB(), tmp_path / "emodb", tmp_path / "dataset")
    assert set(dataset.utterances) == set(KNOWN)
    assert dataset.labels == tuple(COUNTS)
    assert len(dataset.skipped) == 1


@pytest.mark.corpus
def test_the_real_corpus_is_whole(emodb):
    found = EmoDB().validate(emodb)
    assert len(found.utterances) == 535
    assert not found.missing
    assert not found.extra
    assert not found.problems
    assert Counter(utterance.label for utterance in found.utterances) == COUNTS
    assert len({utterance.statement for utterance in found.utterances}) == 10
    speakers = {utterance.speaker: utterance.gender for utterance in found.utterances}
    assert Counter(speakers.values()) == {"female": 5, "male": 5}


@pytest.mark.corpus
def test_the_real_corpus_agrees_with_its_own_table(emodb):
    with (emodb / "metadata.csv").open(encoding="utf-8", newline="") as file:
        table = {row["file"]: (row["emotion"], row["speaker"], row["gender"]) for row in csv.DictReader(file)}
    found = {u.path: (u.label, u.speaker, u.gender) for u in EmoDB().validate(emodb).utterances}
    assert found == table
