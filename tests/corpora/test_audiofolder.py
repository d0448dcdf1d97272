import json

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from staanet.audio.files import write
from staanet.core.errors import StaanetError
from staanet.corpora import AudioFolder, Folder
from staanet.data import by_subsets, prepare

ROWS = [
    {"file_name": "a.wav", "emotion": "joy", "speaker": "anna", "gender": "female"},
    {"file_name": "sub/b.flac", "emotion": "anger", "speaker": "bert", "gender": "male"},
]


def put(root, *names):
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 1600).astype(np.float32)
    for name in names:
        write(root / name, noise, 16_000)


def table(root, rows, kind):
    root.mkdir(parents=True, exist_ok=True)
    path = root / f"metadata.{kind}"
    if kind == "csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def error_of(root, corpus=None):
    with pytest.raises(StaanetError) as caught:
        (corpus or AudioFolder()).validate(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_table_describes_each_file(tmp_path, kind):
    put(tmp_path, "a.wav", "sub/b.flac", "c.wav")
    table(tmp_path, ROWS, kind)
    found = AudioFolder().validate(tmp_path)
    assert [(u.id, u.path, u.label, u.speaker, u.gender, u.session) for u in found.utterances] == [
        ("a", "a.wav", "joy", "anna", "female", None),
        ("sub/b", "sub/b.flac", "anger", "bert", "male", None),
    ]
    assert list(found.extra) == ["c.wav"]
    assert AudioFolder().labels(tmp_path) == ("anger", "joy")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("folder", "subset"), [("train", "train"), ("validation", "val"), ("dev", "val"), ("Test", "test"), ("more", None)]
)
def test_a_table_in_the_folder_of_a_part_begins_there_and_the_part_is_the_session(tmp_path, kind, folder, subset):
    put(tmp_path, f"data/{folder}/a.wav", f"data/{folder}/sub/b.flac")
    table(tmp_path / "data" / folder, ROWS, kind)
    found = AudioFolder().validate(tmp_path)
    assert [(u.path, u.session) for u in found.utterances] == [
        (f"data/{folder}/a.wav", subset),
        (f"data/{folder}/sub/b.flac", subset),
    ]


def test_a_table_at_the_root_may_name_files_in_the_folders_of_parts(tmp_path):
    put(tmp_path, "train/a.wav", "test/a.wav")
    rows = [{**ROWS[0], "file_name": f"{subset}/a.wav", "speaker": subset} for subset in ("train", "test")]
    table(tmp_path, rows, "csv")
    assert {u.id: u.session for u in AudioFolder().validate(tmp_path).utterances} == {
        "train/a": "train",
        "test/a": "test",
    }


def test_a_session_that_the_table_tells_counts(tmp_path):
    put(tmp_path, "train/a.wav")
    table(tmp_path, [{**ROWS[0], "file_name": "train/a.wav", "session": 7}], "jsonl")
    assert AudioFolder().validate(tmp_path).utterances[0].session == "7"


def test_its_columns_may_have_other_names(tmp_path):
    put(tmp_path, "a.wav")
    table(tmp_path, [{"file_name": "a.wav", "Label": 3, "client_id": "x1"}], "jsonl")
    found = AudioFolder(emotion="Label", speaker="client_id").validate(tmp_path)
    assert [(u.label, u.speaker) for u in found.utterances] == [("3", "x1")]


def test_without_a_table_the_folder_is_the_emotion_and_parts_are_reported_apart(tmp_path):
    speakers = {"train": "a", "validation": "b", "test": "c"}
    names = [f"{subset}/{emotion}/{speakers[subset]}-1.wav" for subset in speakers for emotion in ("anger", "joy")]
    put(tmp_path, *names)
    found = AudioFolder().validate(tmp_path)
    assert {(u.path, u.label, u.speaker) for u in found.utterances} == {
        (name, name.split("/")[1], name.split("/")[2][0]) for name in names
    }
    split = by_subsets(found.utterances)
    assert split.val == ("validation/anger/b-1", "validation/joy/b-1")
    dataset = prepare(AudioFolder(), tmp_path, tmp_path / "dataset")
    dataset.check(split)


def test_the_folder_of_a_subset_is_no_emotion(tmp_path):
    emotions = [f"{subset}/{emotion}/a-1.wav" for subset in ("train", "test") for emotion in ("anger", "joy")]
    put(tmp_path, *emotions, "train/stray-1.wav")
    found = AudioFolder().validate(tmp_path)
    assert AudioFolder().labels(tmp_path) == ("anger", "joy")
    assert found.problems == [
        f"{tmp_path / 'train/stray-1.wav'}: expected the folder of an emotion, got 'train'; skipped"
    ]


@pytest.mark.parametrize("folders", [("train", "test"), ("Training", "DEV", "eval"), ("data/train", "data/test")])
@pytest.mark.parametrize("corpus", [AudioFolder(), Folder()])
def test_subsets_without_folders_of_emotions_are_refused(tmp_path, folders, corpus):
    put(tmp_path, *(f"{folder}/{speaker}-1.wav" for folder in folders for speaker in "abc"))
    assert "found no usable clip" in error_of(tmp_path, corpus)
    assert "expected the folder of an emotion, got" in error_of(tmp_path, corpus)


def test_a_column_that_was_chosen_replaces_one_with_the_usual_name(tmp_path):
    put(tmp_path, "a.wav")
    row = {"file_name": "a.wav", "Label": "joy", "speaker": "x1", "emotion": 3, "path": "/elsewhere/a.wav"}
    table(tmp_path, [row], "csv")
    found = AudioFolder(emotion="Label").validate(tmp_path)
    assert [(u.path, u.label) for u in found.utterances] == [("a.wav", "joy")]


def test_the_folders_above_the_root_are_no_subset(tmp_path):
    root = tmp_path / "test" / "corpus"
    put(root, "train/a.wav", "b.wav")
    rows = [{**ROWS[0], "file_name": str(root / name), "speaker": name[0]} for name in ("train/a.wav", "b.wav")]
    table(root, rows, "csv")
    assert {u.path: u.session for u in AudioFolder().validate(root).utterances} == {
        "train/a.wav": "train",
        "b.wav": None,
    }


@pytest.mark.parametrize("lost", ["file_name", "emotion", "speaker"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_missing_column_is_reported(tmp_path, lost, kind):
    put(tmp_path, "a.wav")
    table(tmp_path, [{key: value for key, value in row.items() if key != lost} for row in ROWS], kind)
    column = "path" if lost == "file_name" else lost
    wanted = f"metadata.{kind}: expected the columns path, emotion, speaker; found no {column!r} in "
    assert wanted in error_of(tmp_path)


def test_an_emotion_that_was_not_given_is_reported_and_skipped(tmp_path):
    put(tmp_path, "a.wav", "sub/b.flac")
    table(tmp_path, ROWS, "csv")
    found = AudioFolder(emotions=("joy", "fear")).validate(tmp_path)
    assert [u.label for u in found.utterances] == ["joy"]
    assert found.problems == [f"{tmp_path / 'sub/b.flac'}: expected an emotion from fear, joy; got 'anger'; skipped"]


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (
            "jsonl",
            '{"file_name": "a.wav", "emotion": "joy", "speaker": null}\n',
            "line 1: expected a value for speaker",
        ),
        ("jsonl", '["a.wav"]\n', "line 1: expected an object with a key per column, got ['a.wav']"),
        ("jsonl", "a.wav\n", "expected JSON, got"),
        ("parquet", "no parquet", "expected Parquet, got"),
        ("csv", "file_name,emotion,speaker\na.wav,joy,x\na.wav,joy,y\n", "line 3: expected each file once, got a.wav"),
        ("csv", "file_name,emotion,speaker\na.wav,joy,x\n,joy,y\n", "line 3: expected a value for path"),
        (
            "csv",
            "file_name,emotion,speaker\na.wav,joy,x,more\n",
            "line 2: expected 3 values, one for each column, got 4",
        ),
    ],
)
def test_a_wrong_table_is_reported(tmp_path, kind, text, message):
    put(tmp_path, "a.wav")
    (tmp_path / f"metadata.{kind}").write_text(text)
    assert f"{tmp_path / 'metadata'}.{kind}" in error_of(tmp_path)
    assert message in error_of(tmp_path)


def test_files_that_are_not_there_are_missing(tmp_path):
    put(tmp_path, "a.wav")
    table(tmp_path, ROWS, "csv")
    assert AudioFolder().validate(tmp_path).missing == ["sub/b.flac"]


def test_an_empty_folder_is_reported(tmp_path):
    assert error_of(tmp_path).endswith(
        "expected metadata.csv, metadata.jsonl, metadata.parquet or a folder per emotion with audio in it, found no "
        "usable clip"
    )
    assert "expected a folder of audio, found none" in error_of(tmp_path / "nosuch")


def test_files_exchanged_for_others_of_the_same_size_are_another_fingerprint(tmp_path):
    put(tmp_path, "a.wav", "sub/b.flac")
    table(tmp_path, ROWS, "csv")
    before = AudioFolder().fingerprint(tmp_path)
    assert AudioFolder().fingerprint(tmp_path) == before
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(content[:100] + bytes(100) + content[200:])
    assert AudioFolder().fingerprint(tmp_path) != before
    (tmp_path / "a.wav").write_bytes(content)
    assert AudioFolder().fingerprint(tmp_path) == before
