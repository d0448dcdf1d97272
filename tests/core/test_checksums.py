"""Checksums: what is found is what was written, and whatever happened to a file is told with its name."""

import os
import random
import shutil

import pytest

from staanet.core import checksums
from staanet.core.checksums import CHECKSUMS, add, check, damages, read, seal
from staanet.core.errors import StaanetError


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "step"
    (place / "deep").mkdir(parents=True)
    for number, name in enumerate(("a", "b", "deep/c")):
        (place / name).write_bytes(random.Random(number).randbytes(2000))
    seal(place)
    return place


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


def flip(path):
    content = bytearray(path.read_bytes())
    content[777] ^= 1
    path.write_bytes(content)


def exchange(path):
    other = path.with_name("other")
    other.write_bytes(random.Random("other").randbytes(2000))
    shutil.copystat(path, other)
    other.replace(path)


def append(path):
    path.write_bytes(path.read_bytes() + b"\0")


def hidden(path):
    """Change contents and set the time back."""
    times = path.stat()
    flip(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("name", ["a", "deep/c"])
@pytest.mark.parametrize("harm", [truncate, zero, flip, exchange, append, hidden, os.unlink])
def test_every_kind_of_damage_is_found_with_the_name_of_the_file(folder, harm, name):
    assert damages(folder) == damages(folder, thorough=True) == []
    harm(folder / name)
    for thorough in (False, True):
        (found,) = damages(folder, thorough=thorough)
        assert found.path == folder / name
    assert damages(folder, ["b"]) == []
    with pytest.raises(StaanetError, match=rf"step/{name}: expected .*; prepare it again, or remove checksums.jsonl"):
        check(folder, "prepare it again")


def test_a_file_is_hashed_only_if_its_times_differ(folder, monkeypatch):
    hashed = []
    digest = checksums.file_digest
    monkeypatch.setattr(checksums, "file_digest", lambda path: hashed.append(path.name) or digest(path))
    assert damages(folder) == []
    assert hashed == []
    os.utime(folder / "b")
    assert damages(folder) == []
    assert hashed == ["b"]
    assert damages(folder) == []  # the new times are remembered
    assert hashed == ["b"]
    assert damages(folder, thorough=True) == []
    assert sorted(hashed) == ["a", "b", "b", "c"]


def test_a_copied_folder_is_as_good(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    assert damages(tmp_path / "copy") == []
    (tmp_path / "copy" / CHECKSUMS).chmod(0o444)
    assert damages(tmp_path / "copy") == []


def test_of_two_lines_about_a_file_the_last_one_counts(folder):
    (folder / "a").write_text("new")
    assert len(damages(folder)) == 1
    add(folder, [folder / "a"])
    assert damages(folder) == []


@pytest.mark.parametrize("line", [b"\xff\n", b"[]\n", b"{}\n", b"3\n"])
def test_a_line_that_holds_no_checksum_is_damage(folder, line):
    with (folder / CHECKSUMS).open("ab") as file:
        file.write(line)
    (found,) = damages(folder)
    assert str(found) == f"{folder / CHECKSUMS}: expected a checksum in every line, got others (1)"
    assert damages(folder, ["a"]) == []


@pytest.mark.parametrize("seed", range(20))
def test_damage_to_the_checksums_themselves_is_found(folder, seed):
    draw = random.Random(seed)
    content = bytearray((folder / CHECKSUMS).read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    (folder / CHECKSUMS).write_bytes(content)
    assert damages(folder)


@pytest.mark.parametrize("kept", range(4))
def test_checksums_of_a_whole_folder_that_lack_a_line_are_damage(folder, kept):
    lines = (folder / CHECKSUMS).read_bytes().splitlines(keepends=True)
    assert len(lines) == 4
    (folder / CHECKSUMS).write_bytes(b"".join(lines[:kept]))
    assert [damage.path.name for damage in damages(folder)] == [CHECKSUMS]


def test_a_line_that_was_never_finished_is_left_out_and_the_next_one_is_not_lost(folder):
    (folder / CHECKSUMS).unlink()
    add(folder, [folder / "a", folder / "b"])
    with (folder / CHECKSUMS).open("ab") as file:
        file.write(b'{"name": "a", "sha')
    assert damages(folder) == []
    (folder / "new").write_text("new")
    add(folder, [folder / "new"])
    assert set(read(folder)) == {"a", "b", "new"}


def test_a_folder_that_was_written_as_a_whole_has_no_unfinished_line(folder):
    with (folder / CHECKSUMS).open("ab") as file:
        file.write(b'{"name": "a", "sha')
    assert [damage.path.name for damage in damages(folder)] == [CHECKSUMS]


@pytest.mark.parametrize("harm", [zero, lambda path: os.truncate(path, 0)])
def test_checksums_that_cannot_be_read_are_damage(folder, harm):
    harm(folder / CHECKSUMS)
    assert [damage.path.name for damage in damages(folder)] == [CHECKSUMS]
    assert [damage.path.name for damage in damages(folder, ["a"])] == ["a"]


def test_a_folder_without_checksums_has_nothing_to_compare(folder):
    (folder / CHECKSUMS).unlink()
    assert read(folder) is None
    assert damages(folder) == []
    check(folder, "make it again")
