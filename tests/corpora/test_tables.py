import pytest

from staanet.core.errors import StaanetError
from staanet.corpora.tables import described, read_table, repeated_lines

HEADER = "path,emotion,speaker\n"


def clips(tmp_path, text, name="metadata.csv", encoding="utf-8"):
    (tmp_path / name).write_bytes(text.encode(encoding))
    return described(read_table(tmp_path / name, {"file": "path"}))


def error_of(tmp_path, text, encoding="utf-8"):
    with pytest.raises(StaanetError) as caught:
        clips(tmp_path, text, encoding=encoding)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{tmp_path}/")


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ("a.wav,anger,Hello, world,anna,female", 6),
        ("a.wav,anger,anna,female", 4),
        ("a.wav,anger,hello,anna,female,", 6),
        ("a.wav,anger,hello,anna", 4),
    ],
)
def test_a_row_with_another_number_of_values_is_refused_with_its_line(tmp_path, row, values):
    text = f"path,emotion,statement,speaker,gender\nb.wav,joy,hello,ben,male\n\n{row}\n"
    assert error_of(tmp_path, text) == (
        f"metadata.csv, line 4: expected 5 values, one for each column, got {values}; "
        "put values that contain a separator in double quotes"
    )


def test_lines_are_counted_as_in_the_file_when_a_value_has_several(tmp_path):
    text = 'path,emotion,statement,speaker\na.wav,joy,"one\ntwo",anna\nb.wav,joy,anna\n'
    assert error_of(tmp_path, text).startswith("metadata.csv, line 4: expected 4 values")


@pytest.mark.parametrize("blank", ["\n", ",,\n", " , , \n", ",,,,,\n"])
def test_blank_rows_are_passed_over(tmp_path, blank):
    text = f"{blank}{HEADER}{blank}a.wav,joy,anna\n{blank}b.wav,joy,ben\n{blank}"
    assert [(clip.path, clip.speaker) for clip in clips(tmp_path, text)] == [("a.wav", "anna"), ("b.wav", "ben")]


def test_columns_without_a_name_are_passed_over(tmp_path):
    (clip,) = clips(tmp_path, "path,emotion,speaker,,\na.wav,joy,anna,,note\n")
    assert clip.speaker == "anna"


@pytest.mark.parametrize("header", ["path,emotion,speaker,speaker", "path,emotion,speaker, Speaker"])
def test_a_column_that_is_there_twice_is_refused(tmp_path, header):
    message = error_of(tmp_path, f"{header}\na.wav,joy,anna,ben\n")
    assert message == "metadata.csv: expected each column once, got 'speaker' twice; remove or rename one"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_usual_separator_and_encoding_is_read(tmp_path, separator, encoding):
    others = {",": "; ", ";": ", ", "\t": ", "}[separator]
    rows = (["path", "emotion", "speaker"], ["a.wav", "joy", f"Jürgen{others}the first"])
    text = "".join(f"{separator.join(row)}\r\n" for row in rows)
    (clip,) = clips(tmp_path, text, encoding=encoding)
    assert (clip.path, clip.label, clip.speaker) == ("a.wav", "joy", f"Jürgen{others}the first")


def test_quotes_may_follow_a_space(tmp_path):
    (clip,) = clips(tmp_path, HEADER + 'a.wav, joy, "Anna, the first"\n')
    assert clip.speaker == "Anna, the first"


@pytest.mark.parametrize("row", ['a.wav,joy,"anna', 'a.wav,joy,"an"na', f"a.wav,joy,{'x' * 200_000}"])
def test_wrong_quotes_are_refused_and_swallow_no_rows(tmp_path, row):
    message = error_of(tmp_path, f"{HEADER}z.wav,joy,anna\n{row}\nb.wav,joy,ben\n")
    assert message.startswith("metadata.csv, line 3: expected separated values, got ")


def test_utf_16_without_its_mark_is_refused(tmp_path):
    assert "expected UTF-8, got zero bytes" in error_of(tmp_path, HEADER, encoding="utf-16-le")


def test_a_number_that_is_missing_is_refused(tmp_path):
    (tmp_path / "metadata.jsonl").write_text('{"path": "a.wav", "emotion": "joy", "speaker": NaN}\n')
    with pytest.raises(StaanetError, match="expected JSON, got the number NaN"):
        described(read_table(tmp_path / "metadata.jsonl", {}))


def test_repeated_lines_are_used_once_and_remarked_in_one_line(tmp_path):
    (tmp_path / "metadata.csv").write_text(HEADER + "a.wav,joy,anna\nb.wav,joy,ben\na.wav,joy,anna\n./b.wav,joy,ben\n")
    table = read_table(tmp_path / "metadata.csv", {})
    assert [clip.path for clip in described(table)] == ["a.wav", "b.wav"]
    assert repeated_lines(table) == [
        "2 lines of metadata.csv repeat others, such as line 4 (a.wav, as line 2); each file is used once"
    ]


def test_lines_that_contradict_others_are_refused_with_their_number(tmp_path):
    message = error_of(tmp_path, HEADER + "a.wav,joy,anna\na.wav,fear,anna\na.wav,joy,ben\n")
    assert message == (
        "metadata.csv, line 3: expected each file once, got a.wav again with the emotion 'fear' after 'joy' "
        "(2 lines are like this); remove one line"
    )


def test_a_table_with_both_names_of_a_column_is_refused_if_strict(tmp_path):
    (tmp_path / "metadata.csv").write_text("file,path,emotion,speaker\na.wav,b.wav,joy,anna\n")
    with pytest.raises(StaanetError, match="expected one of the columns file and path, got both; remove or rename one"):
        read_table(tmp_path / "metadata.csv", {"file": "path"}, strict=True)


@pytest.mark.parametrize("path", [".", "./", "/"])
def test_a_path_that_names_no_file_is_refused(tmp_path, path):
    assert "line 2: expected the path of a file" in error_of(tmp_path, HEADER + f"{path},joy,anna\n")
