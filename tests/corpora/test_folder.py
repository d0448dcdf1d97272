import re
import time

import numpy as np
import pytest
import soundfile

from staanet.audio.files import write
from staanet.core.errors import StaanetError
from staanet.corpora import Folder
from staanet.data import prepare

NOISE = np.random.default_rng(0).uniform(-0.3, 0.3, 400).astype(np.float32)


def put(root, *names):
    for name in names:
        write(root / name, NOISE, 16_000)


def table(root, text, name="metadata.csv", encoding="utf-8"):
    root.mkdir(exist_ok=True)
    (root / name).write_bytes(text.encode(encoding))


def error_of(root, corpus=None):
    with pytest.raises(StaanetError) as caught:
        (corpus or Folder()).validate(root)
    message = str(caught.value)
    assert message.startswith(str(root))
    assert "\n" not in message
    return message


def test_a_folder_per_emotion_names_label_and_speaker(tmp_path):
    put(tmp_path, "joy/anna-1.wav", "joy/bert_2.flac", "anger/anna-3.wav", "deep/fear/carl.wav")
    found = Folder().validate(tmp_path)
    assert {(u.id, u.label, u.speaker) for u in found.utterances} == {
        ("joy/anna-1", "joy", "anna"),
        ("joy/bert_2", "joy", "bert"),
        ("anger/anna-3", "anger", "anna"),
        ("deep/fear/carl", "fear", "carl"),
    }
    assert Folder().labels(tmp_path) == ("anger", "fear", "joy")
    assert (list(found.missing), list(found.extra), list(found.problems)) == ([], [], [])


def test_files_that_are_no_audio_are_passed_over(tmp_path):
    put(tmp_path, "joy/anna-1.wav")
    (tmp_path / "joy" / "notes.txt").write_text("loud")
    assert len(Folder().validate(tmp_path).utterances) == 1


def test_a_file_outside_every_emotions_folder_is_reported(tmp_path):
    put(tmp_path, "joy/anna-1.wav", "stray.wav")
    found = Folder().validate(tmp_path)
    assert len(found.utterances) == 1
    assert found.problems == [f"{tmp_path / 'stray.wav'}: expected the folder of an emotion, got the root; skipped"]


def test_two_files_of_one_name_are_one_clip_and_reported(tmp_path):
    put(tmp_path, "joy/anna-1.wav", "joy/anna-1.flac", "joy/bert-1.wav")
    found = Folder().validate(tmp_path)
    assert [utterance.id for utterance in found.utterances] == ["joy/anna-1", "joy/bert-1"]
    assert found.problems == [
        f"{tmp_path / 'joy/anna-1.wav'}: expected each clip once, got joy/anna-1.flac too; skipped"
    ]


@pytest.mark.parametrize("column", ["path", "file", "File", " PATH "])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_table_describes_each_file(tmp_path, column, mark, newline):
    put(tmp_path, "a.wav", "sub/b.flac", "c.wav")
    lines = [
        f"{column},emotion,speaker,gender,note",
        './a.wav,joy,"Anna, the first",female,x',
        "sub/b.flac, anger ,bert,,",
    ]
    table(tmp_path, mark + newline.join(lines) + newline)
    found = Folder().validate(tmp_path)
    assert [(u.id, u.path, u.label, u.speaker, u.gender) for u in found.utterances] == [
        ("a", "a.wav", "joy", "Anna, the first", "female"),
        ("sub/b", "sub/b.flac", "anger", "bert", None),
    ]
    assert list(found.extra) == ["c.wav"]
    assert Folder().labels(tmp_path) == ("anger", "joy")


def test_a_table_may_say_what_else_is_known(tmp_path):
    put(tmp_path, "a.wav", "b.wav")
    more = ("gender", "language", "session", "statement", "intensity")
    table(
        tmp_path,
        f"path,emotion,speaker,{','.join(more)}\na.wav,joy,anna,female,en,2,dogs,strong\nb.wav,joy,bert,,,,,\n",
    )
    known = [tuple(getattr(utterance, field) for field in more) for utterance in Folder().validate(tmp_path).utterances]
    assert known == [("female", "en", "2", "dogs", "strong"), (None,) * 5]


def test_another_table_may_be_named(tmp_path):
    put(tmp_path, "joy/a.wav")
    table(tmp_path, "path,emotion,speaker\njoy/a.wav,anger,anna\n", name="clips.csv")
    assert Folder(table="clips.csv").labels(tmp_path) == ("anger",)
    assert Folder().labels(tmp_path) == ("joy",)


@pytest.mark.parametrize("lost", ["path", "emotion", "speaker"])
def test_a_missing_column_is_reported(tmp_path, lost):
    put(tmp_path, "a.wav")
    left = [column for column in ("path", "emotion", "speaker") if column != lost]
    table(tmp_path, ",".join(left) + "\nx,y\n")
    assert error_of(tmp_path).endswith(
        f"metadata.csv: expected the columns path, emotion, speaker; found no {lost!r} in {', '.join(left)}; "
        "add it to the first line"
    )


def test_an_empty_table_is_reported(tmp_path):
    put(tmp_path, "a.wav")
    table(tmp_path, "")
    assert "found no 'path' in an empty file" in error_of(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.wav,joy,", "metadata.csv, line 3: expected a value for speaker, found none; add it"),
        ("b.wav,,anna", "metadata.csv, line 3: expected a value for emotion, found none; add it"),
        (
            "a.wav,joy,bert",
            "metadata.csv, line 3: expected each file once, got a.wav again with the speaker 'bert' after 'anna'; "
            "remove one line",
        ),
        (
            "./a.wav,anger,anna",
            "metadata.csv, line 3: expected each file once, got a.wav again with the emotion 'anger' after 'joy'; "
            "remove one line",
        ),
    ],
)
def test_a_wrong_line_is_reported_with_its_number(tmp_path, line, message):
    put(tmp_path, "a.wav", "b.wav")
    table(tmp_path, f"path,emotion,speaker\na.wav,joy,anna\n{line}\n")
    assert error_of(tmp_path).endswith(message)


def test_a_table_in_another_encoding_is_reported(tmp_path):
    put(tmp_path, "a.wav")
    table(tmp_path, "path,emotion,speaker\na.wav,joy,J\u00fcrgen\n", encoding="latin-1")
    assert "metadata.csv: expected UTF-8, got" in error_of(tmp_path)


def test_a_file_that_the_table_names_and_is_not_there_is_missing(tmp_path):
    put(tmp_path, "a.wav")
    table(tmp_path, "path,emotion,speaker\na.wav,joy,anna\nnosuch.wav,joy,anna\n../a.wav,joy,anna\n")
    found = Folder().validate(tmp_path)
    assert [utterance.path for utterance in found.utterances] == ["a.wav"]
    assert found.missing == ["nosuch.wav", "../a.wav"]


@pytest.mark.parametrize("tabled", [True, False])
def test_an_emotion_that_was_not_given_is_reported_and_skipped(tmp_path, tabled):
    put(tmp_path, "joy/a.wav", "angr/b.wav")
    if tabled:
        table(tmp_path, "path,emotion,speaker\njoy/a.wav,joy,anna\nangr/b.wav,angr,anna\n")
    corpus = Folder(emotions=("joy", "anger"))
    found = corpus.validate(tmp_path)
    assert corpus.labels(tmp_path) == ("joy", "anger")
    assert [utterance.label for utterance in found.utterances] == ["joy"]
    assert found.problems == [
        f"{tmp_path / 'angr/b.wav'}: expected an emotion from anger, joy; got 'angr'; did you mean 'anger'?; skipped"
    ]


def test_the_given_order_of_the_emotions_is_that_of_the_class_numbers(tmp_path):
    put(tmp_path / "root", "joy/a.wav", "anger/b.wav")
    dataset = prepare(Folder(emotions=("joy", "anger")), tmp_path / "root", tmp_path / "dataset")
    assert {clip: dataset.label(clip) for clip in dataset.utterances} == {"joy/a": 0, "anger/b": 1}


def test_a_folder_without_audio_is_reported(tmp_path):
    assert "expected metadata.csv or a folder per emotion with audio in it, found no usable clip" in error_of(tmp_path)
    assert "expected a folder of audio, found none" in error_of(tmp_path / "nosuch")


def test_a_large_table_is_checked_in_seconds(tmp_path):
    (tmp_path / "joy").mkdir()
    names = [f"joy/{number}.wav" for number in range(4000)]
    for name in names:
        (tmp_path / name).touch()
    table(tmp_path, "path,emotion,speaker\n" + "".join(f"{name},joy,anna\n" for name in names))
    began = time.process_time()
    assert len(Folder().validate(tmp_path).utterances) == 4000
    assert time.process_time() - began < 5


def test_a_pattern_and_a_label_map_describe_the_files(tmp_path):
    put(tmp_path, "wav/03a01Wa.wav", "wav/08b02Fb.wav", "notes.wav")
    corpus = Folder(pattern="{speaker:2}{statement:3}{emotion:1}{}", emotion_map={"W": "anger", "F": "happiness"})
    found = corpus.validate(tmp_path)
    assert [(u.id, u.label, u.speaker, u.statement) for u in found.utterances] == [
        ("wav/03a01Wa", "anger", "03", "a01"),
        ("wav/08b02Fb", "happiness", "08", "b02"),
    ]
    assert corpus.labels(tmp_path) == ("anger", "happiness")
    assert found.problems == [
        f"{tmp_path / 'notes.wav'}: expected a name like {corpus.pattern}, got the end of the name after 'notes' "
        "instead of '{emotion:1}'; skipped"
    ]
    assert (list(found.missing), list(found.extra), list(found.remarks)) == ([], [], [])


def test_names_of_which_none_fits_the_pattern_are_refused_with_an_example(tmp_path):
    put(tmp_path, "joy/anna-1.wav", "joy/ben-1.wav")
    assert error_of(tmp_path, Folder(pattern="{speaker}_{emotion}")) == (
        f"{tmp_path}: expected names like {{speaker}}_{{emotion}}, got 2 audio files and none that fits, such as "
        "'joy/anna-1.wav' with the end of the name after 'anna-1' instead of '_'; change the pattern"
    )


def test_a_pattern_takes_the_place_of_the_usual_table_with_a_remark(tmp_path):
    put(tmp_path, "a_joy.wav")
    table(tmp_path, "path,emotion,speaker\na_joy.wav,fear,b\n")
    found = Folder(pattern="{speaker}_{emotion}").validate(tmp_path)
    assert found.utterances[0].label == "joy"
    assert found.remarks == ["metadata.csv is not read, because a pattern was given"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pattern": "{speaker}_{emotion}", "table": "clips.csv"}, "expected either a table or a pattern"),
        ({"pattern": "{speker}_{emotion}"}, "did you mean 'speaker'?"),
        ({"emotion_map": {"a": ""}}, "emotion_map: expected the name of an emotion for each label, got '' for 'a'"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(StaanetError, match=re.escape(message)):
        Folder(**settings)


def test_a_table_that_was_named_and_does_not_exist_is_reported(tmp_path):
    put(tmp_path, "joy/a.wav")
    assert "clips.csv: expected the table of the corpus, found none" in error_of(tmp_path, Folder(table="clips.csv"))


def test_files_in_no_folder_of_an_emotion_are_refused_with_what_to_do(tmp_path):
    put(tmp_path, "a_joy.wav", "b_joy.wav")
    message = error_of(tmp_path)
    assert "expected the folder of an emotion, got the root for a_joy.wav, found no usable clip of 2" in message
    assert message.endswith("add metadata.csv, or give a pattern of the names such as {speaker}_{emotion}_*")


def test_the_columns_file_and_path_together_are_refused(tmp_path):
    put(tmp_path, "a.wav", "b.wav")
    table(tmp_path, "file,path,emotion,speaker\na.wav,b.wav,joy,anna\n")
    assert "expected one of the columns file and path, got both" in error_of(tmp_path)


def test_paths_of_which_none_exists_are_counted_with_an_example_and_the_reason(tmp_path):
    put(tmp_path, *(f"joy/{number}.wav" for number in range(3)))
    rows = "".join(f"D:\\data\\Joy\\{number}.wav,joy,anna\n" for number in range(3))
    table(tmp_path, f"path,emotion,speaker\n{rows}")
    assert (
        "found no usable clip: expected a file for each of 3 paths, found none for 3: absolute paths of another folder "
        r"or machine, such as 'D:\\data\\Joy\\0.wav' (there is 'joy/0.wav'); correct the paths"
    ) in error_of(tmp_path)


def test_data_files_are_audio_only_if_the_table_names_them(tmp_path):
    put(tmp_path, "joy/a.wav")
    soundfile.write(tmp_path / "joy" / "b.mat", NOISE, 16_000, format="MAT5")
    assert len(Folder().validate(tmp_path).utterances) == 1
    table(tmp_path, "path,emotion,speaker\njoy/a.wav,joy,anna\njoy/b.mat,joy,ben\n")
    assert [clip.path for clip in Folder().validate(tmp_path).utterances] == ["joy/a.wav", "joy/b.mat"]
