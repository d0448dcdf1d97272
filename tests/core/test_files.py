import json
import math

import pytest

from staanet.core.errors import StaanetError
from staanet.core.files import (
    atomic_write,
    check_replaceable,
    check_writable,
    read_json,
    read_jsonl,
    remove,
    write_json,
    write_jsonl,
)


def interrupted(path, folder):
    with atomic_write(path) as temporary:
        if folder:
            temporary.mkdir()
            (temporary / "half").write_text("half")
        else:
            temporary.write_text("half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("folder", [False, True])
def test_an_interrupted_block_leaves_nothing(tmp_path, folder):
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "place" / "thing", folder)
    assert list((tmp_path / "place").iterdir()) == []


def test_an_interrupted_block_leaves_the_old_file_as_it_was(tmp_path):
    path = tmp_path / "thing"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(path, folder=False)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_block_leaves_the_old_folder_as_it_was(tmp_path):
    path = tmp_path / "thing"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(path, folder=True)
    assert [p.name for p in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_path_does_not_exist_before_the_block_ends(tmp_path):
    path = tmp_path / "deep" / "thing"
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_new_folder_replaces_the_old_one_entirely(tmp_path):
    path = tmp_path / "thing"
    path.mkdir()
    (path / "old").write_text("old")
    with atomic_write(path) as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("new")
    assert [p.name for p in path.iterdir()] == ["new"]


def test_what_an_interrupted_run_left_is_thrown_away(tmp_path):
    (tmp_path / ".thing.partial").mkdir()
    (tmp_path / ".thing.partial" / "stale").write_text("stale")
    with atomic_write(tmp_path / "thing") as temporary:
        temporary.mkdir()
    assert [p.name for p in tmp_path.iterdir()] == ["thing"]
    assert list((tmp_path / "thing").iterdir()) == []


def below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "thing"


def test_a_path_below_a_file_is_reported_by_atomic_write(tmp_path):
    place = below_a_file(tmp_path)
    with pytest.raises(StaanetError, match=r"file/thing: expected a path that can be written, got .*--out"):
        write_json(place, {})


@pytest.mark.parametrize("check", [check_writable, lambda folder: check_replaceable(folder / "inner", "dataset.json")])
def test_a_path_below_a_file_is_reported_before_any_work(tmp_path, check):
    with pytest.raises(StaanetError, match=r"file/thing: expected a folder that can be written, got .*--out"):
        check(below_a_file(tmp_path))


def test_checking_leaves_an_empty_folder(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_folder_of_other_files_is_never_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StaanetError, match=r"expected a new folder or one that staanet wrote, got other files"):
        check_replaceable(tmp_path, "dataset.json")
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(StaanetError, match="that staanet wrote"):
        check_replaceable(tmp_path, "dataset.json")
    (tmp_path / "dataset.json").write_text('{"staanet": "0.1.0"}')
    check_replaceable(tmp_path, "dataset.json")
    check_replaceable(tmp_path / "new", "dataset.json")


def test_a_folder_is_never_replaced_by_a_file_nor_a_file_by_a_folder(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("years of work")
    with (
        pytest.raises(StaanetError, match="a folder that would be lost"),
        atomic_write(tmp_path / "folder") as temporary,
    ):
        temporary.write_text("one line")
    assert (tmp_path / "folder" / "thesis.tex").is_file()
    thesis = tmp_path / "folder" / "thesis.tex"
    with pytest.raises(StaanetError, match="a file that would be lost"), atomic_write(thesis) as temporary:
        temporary.mkdir()
    assert (tmp_path / "folder" / "thesis.tex").read_text() == "years of work"


def test_a_link_to_a_folder_is_removed_alone(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove(tmp_path / "link")
    assert (tmp_path / "folder").is_dir()
    assert not (tmp_path / "link").exists()


@pytest.mark.parametrize("name", [".", "..", "/"])
def test_a_path_that_does_not_end_in_a_name_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StaanetError, match="that ends in a name, got none; choose another --out"):
        check_replaceable(type(tmp_path)(name), "dataset.json")


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [1, -math.inf]}])
@pytest.mark.parametrize("write", [write_json, lambda path, value: write_jsonl(path, [1, value])])
def test_nan_and_infinity_are_refused_and_the_old_file_stays(tmp_path, write, value):
    path = tmp_path / "file.json"
    path.write_text("1\n")
    with pytest.raises(ValueError, match="JSON compliant"):
        write(path, value)
    assert path.read_text() == "1\n"
    assert list(tmp_path.iterdir()) == [path]


VALUES = [{"a": 1.5, "ü": None}, [1, "two", True], 0.1 + 0.2]


def test_json_comes_back_as_it_was(tmp_path):
    write_json(tmp_path / "a.json", VALUES)
    assert read_json(tmp_path / "a.json") == VALUES
    write_jsonl(tmp_path / "a.jsonl", iter(VALUES))
    assert read_jsonl(tmp_path / "a.jsonl") == VALUES
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 3


def test_a_line_separator_within_a_text_does_not_break_the_line(tmp_path):
    write_jsonl(tmp_path / "a.jsonl", ["one\u2028two\x85three\n"])
    assert read_jsonl(tmp_path / "a.jsonl") == ["one\u2028two\x85three\n"]


@pytest.mark.parametrize("read", [read_json, read_jsonl])
@pytest.mark.parametrize("content", [b'{"a": 1', b"\xff\xfe", b'{"a" 1}'])
def test_a_damaged_file_is_reported(tmp_path, read, content):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(StaanetError, match=r"file.json: expected (JSON, got|a file in UTF-8, got)") as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["1, 2\n3\n", "[1\n2]\n", "1\n\n2\n"])
def test_a_line_that_is_not_one_value_is_reported(tmp_path, content):
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(StaanetError, match=r"a.jsonl: expected JSON, got"):
        read_jsonl(tmp_path / "a.jsonl")


@pytest.mark.parametrize("read", [read_json, read_jsonl])
def test_a_missing_file_is_reported(tmp_path, read):
    with pytest.raises(StaanetError, match=r"file.json: expected a file, found none"):
        read(tmp_path / "file.json")


def test_remove_removes_files_and_folders_and_ignores_missing_ones(tmp_path):
    (tmp_path / "folder").mkdir()
    write_json(tmp_path / "folder" / "file", json.loads("1"))
    remove(tmp_path / "folder" / "file")
    remove(tmp_path / "folder")
    remove(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []
