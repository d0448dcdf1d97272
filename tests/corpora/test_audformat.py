import pickle
import sys

import audformat
import numpy as np
import pandas as pd
import pytest

from staanet.audio.files import write
from staanet.core.errors import StaanetError
from staanet.corpora import Audformat
from staanet.data import by_subsets, prepare

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pandas' to audformat

SPEAKERS = {3: "male", 8: "female", 9: "female"}
SUBSETS = {3: "train", 8: "dev", 9: "test"}
CLIPS = {
    "wav/03a01Fa.wav": ("happiness", 3),
    "wav/03a01Wa.wav": ("anger", 3),
    "wav/08a01Fa.wav": ("happiness", 8),
    "wav/08a01Wa.wav": ("anger", 8),
    "wav/09a01Fa.wav": ("happiness", 9),
    "wav/09a01Wa.wav": ("anger", 9),
}
"""Emotion and speaker of each file."""


def database(speakers="labels"):
    """Return a database as those that audb publishes: emotions by subset, speakers in the table `files`."""
    made = audformat.Database("mine", source="here", usage="research", languages=["deu"])
    made.schemes["emotion"] = audformat.Scheme(labels=["anger", "happiness"])
    if speakers == "labels":
        labels = {speaker: {"gender": gender, "age": 30} for speaker, gender in SPEAKERS.items()}
        made.schemes["speaker"] = audformat.Scheme(labels=labels)
    else:
        made.schemes["gender"] = audformat.Scheme(labels=["female", "male"])
        made["speaker"] = audformat.MiscTable(pd.Index(list(SPEAKERS), name="speaker", dtype="Int64"))
        made["speaker"]["gender"] = audformat.Column(scheme_id="gender")
        made["speaker"]["gender"].set(list(SPEAKERS.values()))
        made.schemes["speaker"] = audformat.Scheme(dtype="int", labels="speaker")
    made["files"] = audformat.Table(audformat.filewise_index(list(CLIPS)))
    made["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    made["files"]["speaker"].set([speaker for _, speaker in CLIPS.values()])
    for subset in ("train", "dev", "test"):
        made.splits[subset] = audformat.Split(type=subset)
        files = [file for file, (_, speaker) in CLIPS.items() if SUBSETS[speaker] == subset]
        table = f"emotion.{subset}"
        made[table] = audformat.Table(audformat.filewise_index(files), split_id=subset)
        made[table]["emotion"] = audformat.Column(scheme_id="emotion")
        made[table]["emotion"].set([CLIPS[file][0] for file in files])
    return made


def put(root, names=CLIPS):
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 1600).astype(np.float32)
    for name in names:
        write(root / name, noise, 16_000)


@pytest.fixture
def root(tmp_path):
    put(tmp_path)
    database().save(str(tmp_path), storage_format="csv")
    return tmp_path


def error_of(root, corpus=None):
    with pytest.raises(StaanetError) as caught:
        (corpus or Audformat()).validate(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("storage", ["csv", "parquet"])
@pytest.mark.parametrize("speakers", ["labels", "table"])
def test_what_is_known_of_a_clip_comes_from_the_tables(tmp_path, storage, speakers):
    put(tmp_path)
    database(speakers).save(str(tmp_path), storage_format=storage)
    found = Audformat().validate(tmp_path)
    subsets = {"train": "train", "dev": "val", "test": "test"}
    assert {u.path: (u.label, u.speaker, u.gender, u.session) for u in found.utterances} == {
        file: (emotion, str(speaker), SPEAKERS[speaker], subsets[SUBSETS[speaker]])
        for file, (emotion, speaker) in CLIPS.items()
    }
    assert {u.language for u in found.utterances} == {"de"}
    assert Audformat().labels(tmp_path) == ("anger", "happiness")
    problems = (found.missing, found.extra, found.problems, found.remarks)
    assert [list(lines) for lines in problems] == [[], [], [], []]


def test_its_subsets_are_a_split_and_it_becomes_a_dataset(root, tmp_path):
    dataset = prepare(Audformat(), root, tmp_path / "dataset")
    split = by_subsets(list(dataset.utterances.values()))
    assert split.test == ("wav/09a01Fa", "wav/09a01Wa")
    dataset.check(split)


def test_files_that_are_not_there_are_missing_and_others_extra(root):
    (root / "wav/03a01Fa.wav").unlink()
    put(root, ["wav/more.wav"])
    found = Audformat().validate(root)
    assert found.missing == ["wav/03a01Fa.wav"]
    assert found.extra == ["wav/more.wav"]


def test_clips_without_an_emotion_are_reported_in_one_line_and_skipped(tmp_path):
    put(tmp_path)
    made = database()
    made["emotion.dev"]["emotion"].set([None, "anger"])
    made.save(str(tmp_path), storage_format="csv")
    found = Audformat().validate(tmp_path)
    assert len(found.utterances) == 5
    assert found.remarks == ["skipped 1 clips without an emotion or a speaker"]


def test_schemes_may_have_other_names(tmp_path):
    put(tmp_path)
    made = audformat.Database("mine", source="here", usage="research")
    made["files"] = audformat.Table(audformat.filewise_index(list(CLIPS)))
    for column, values in (
        ("mood", [emotion for emotion, _ in CLIPS.values()]),
        ("who", [f"s{speaker}" for _, speaker in CLIPS.values()]),
        ("sex", [SPEAKERS[speaker] for _, speaker in CLIPS.values()]),
    ):
        made.schemes[column] = audformat.Scheme("str")
        made["files"][column] = audformat.Column(scheme_id=column)
        made["files"][column].set(values)
    made.save(str(tmp_path), storage_format="csv")
    found = Audformat(emotion="mood", speaker="who", gender="sex").validate(tmp_path)
    assert {(u.label, u.speaker, u.gender, u.session, u.language) for u in found.utterances} == {
        (emotion, f"s{speaker}", SPEAKERS[speaker], None, None) for emotion, speaker in CLIPS.values()
    }
    assert "expected a scheme from mood, sex, who; got 'emotion'" in error_of(tmp_path)
    assert "got 'speaker'" in error_of(tmp_path, Audformat(emotion="mood"))


def test_an_emotion_that_was_not_given_is_reported_and_skipped(root):
    found = Audformat(emotions=("happiness",)).validate(root)
    assert {u.label for u in found.utterances} == {"happiness"}
    assert len(found.problems) == 3
    assert found.problems[0].endswith("expected an emotion from happiness; got 'anger'; skipped")


def test_tables_that_disagree_are_reported_and_may_be_chosen(tmp_path):
    put(tmp_path)
    made = database()
    made["emotion.perceived"] = audformat.Table(audformat.filewise_index(list(CLIPS)))
    made["emotion.perceived"]["emotion"] = audformat.Column(scheme_id="emotion")
    made["emotion.perceived"]["emotion"].set("anger")
    made.save(str(tmp_path), storage_format="csv")
    assert "expected one emotion and one speaker per clip" in error_of(tmp_path)
    tables = "emotion.dev, emotion.perceived, emotion.test, emotion.train, files"
    assert f"name tables that agree, of {tables}" in error_of(tmp_path)
    chosen = Audformat(tables=("emotion.perceived",)).validate(tmp_path)
    assert {u.label for u in chosen.utterances} == {"anger"}
    one = Audformat(tables=("emotion.test",)).validate(tmp_path)
    assert {u.speaker for u in one.utterances} == {"9"}
    assert "did you mean 'emotion.test'" in error_of(tmp_path, Audformat(tables=("emotion.tst",)))


def test_segments_of_files_are_refused(tmp_path):
    put(tmp_path)
    made = database()
    made["emotion.subsets"] = audformat.Table(audformat.segmented_index(["wav/03a01Fa.wav"], [0], [0.05]))
    made["emotion.subsets"]["emotion"] = audformat.Column(scheme_id="emotion")
    made["emotion.subsets"]["emotion"].set("anger")
    made.save(str(tmp_path), storage_format="csv")
    assert "expected tables of whole files, got segments of files" in error_of(tmp_path)
    assert len(Audformat(tables=("emotion.train",)).validate(tmp_path).utterances) == 2


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def test_pickled_tables_are_never_loaded(root):
    for table in root.glob("db.*.csv"):
        table.with_suffix(".pkl").write_bytes(pickle.dumps(Bomb()))
    assert len(Audformat().validate(root).utterances) == 6
    for table in root.glob("db.*.csv"):
        table.unlink()
    assert "expected the table db.emotion.dev.parquet or db.emotion.dev.csv, found none" in error_of(root)


def test_a_header_that_would_run_something_is_refused(root):
    with (root / "db.yaml").open("a") as header:
        header.write("boom: !!python/object/apply:pytest.fail ['the header ran']\n")
    assert "db.yaml: expected a database in audformat, got ConstructorError" in error_of(root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "db.yaml").unlink(), "expected a database with the header db.yaml, found none"),
        (lambda root: (root / "db.yaml").write_text("[]"), "expected a database in audformat, got"),
        (lambda root: (root / "db.yaml").write_text("{"), "expected a database in audformat, got"),
        (lambda root: (root / "db.files.csv").write_text("none\n1\n"), "expected a database in audformat, got"),
    ],
)
def test_something_that_is_no_database_is_reported(root, change, message):
    change(root)
    assert message in error_of(root)


def test_a_database_without_usable_clips_is_reported(root):
    for clip in CLIPS:
        (root / clip).unlink()
    assert "found no usable clip" in error_of(root)


def test_without_the_package_what_to_install_is_reported(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "audformat", None)
    assert error_of(root) == "expected the package audformat, found none; install staanet[audformat]"
