"""Files that are there completely or not at all: names by process, leftovers, permissions, and a full disk."""

import errno
import os
import stat
import subprocess
import sys
import threading

import pytest
import torch

from staanet.core import atomic
from staanet.core.atomic import atomic_write, sweep, temporary_names
from staanet.core.checkpoints import save_tensors
from staanet.core.errors import PersistentError
from staanet.core.files import write_json, write_text
from staanet.core.processes import HOST


@pytest.fixture
def dead():
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_two_writers_of_a_path_do_not_meet(tmp_path):
    path = tmp_path / "thing"
    with atomic_write(path) as first:
        with atomic_write(path) as second:
            assert first != second
            second.write_text("second")
        first.write_text("first")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_many_threads_write_one_path(tmp_path):
    def write(number):
        for _ in range(20):
            write_text(tmp_path / "thing", str(number) * 1000)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = (tmp_path / "thing").read_text()
    assert text == text[0] * 1000
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]


def test_leftovers_of_dead_processes_are_swept_and_others_stay(tmp_path, dead):
    (tmp_path / "deep").mkdir()
    names = {
        f".a.{HOST}-{dead}-0.partial": False,
        f".a.{HOST}-{os.getpid()}-0.partial": True,
        f".a.00000000-{dead}-0.partial": True,  # of another machine
        ".a.partial": False,
        ".a.b.partial.txt": True,
        "a.partial": True,
    }
    for place in (tmp_path, tmp_path / "deep"):
        for name in names:
            (place / name).write_text("half")
    kept = {name for name, stays in names.items() if stays}
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept | {"deep"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == set(names)
    sweep(tmp_path, deep=True)
    assert {path.name for path in (tmp_path / "deep").iterdir()} == kept


def test_a_folder_that_was_about_to_be_replaced_comes_back(tmp_path, dead):
    (tmp_path / f".a.{HOST}-{dead}-0.previous").mkdir()
    (tmp_path / f".a.{HOST}-{dead}-0.previous" / "old").write_text("old")
    (tmp_path / f".b.{HOST}-{dead}-0.previous").mkdir()
    (tmp_path / "b").mkdir()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert (tmp_path / "a" / "old").read_text() == "old"


def test_the_first_write_to_a_folder_sweeps_it(tmp_path, dead):
    (tmp_path / f".other.{HOST}-{dead}-7.partial").write_text("half")
    write_text(tmp_path / "thing", "")
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]


@pytest.mark.parametrize("name", ["a" * 255, "ü" * 127])
def test_a_name_that_fits_has_a_temporary_name_that_fits(tmp_path, name):
    write_text(tmp_path / name, "text")
    assert (tmp_path / name).read_text() == "text"


def test_what_is_written_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    synced = []

    def sync(path):
        assert not (tmp_path / "folder").exists()
        synced.append(path.name)

    monkeypatch.setattr(atomic, "_sync", sync)
    with atomic_write(tmp_path / "folder") as temporary:
        temporary.mkdir()
        write_json(temporary / "inner.json", {})
        (temporary / "deep").mkdir()
        (temporary / "deep" / "other").write_text("")
    assert sorted(synced) == sorted(["inner.json", "other", "deep", temporary.name])


def test_files_get_the_permissions_of_the_umask(tmp_path):
    usual = tmp_path / "usual"
    usual.write_text("")
    save_tensors(tmp_path / "tensors", {"a": torch.zeros(1)})
    write_text(tmp_path / "text", "")
    with atomic_write(tmp_path / "script") as temporary:
        temporary.write_text("")
        temporary.chmod(0o700)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes["tensors"] == modes["text"] == modes["usual"]
    assert modes["script"] == modes["usual"] | 0o700


def usage(free):
    return lambda _: type("Usage", (), {"free": free})


@pytest.mark.parametrize(
    "write", [lambda path: write_text(path, "x" * 5000), lambda path: save_tensors(path, {"a": torch.zeros(1250)})]
)
def test_a_full_disk_is_told_before_anything_is_written_with_what_is_missing(tmp_path, monkeypatch, write):
    (tmp_path / "thing").write_text("old")
    monkeypatch.setattr(atomic.shutil, "disk_usage", usage(1000))
    with pytest.raises(
        PersistentError, match=r"thing: expected 5\.0 kB free on its disk, got 1\.0 kB, 4\.0 kB too little"
    ):
        write(tmp_path / "thing")
    assert (tmp_path / "thing").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]


def write_until_full(path):
    with atomic_write(path) as temporary:
        temporary.write_text("x" * 10)
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_while_writing_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.shutil, "disk_usage", usage(0))
    with pytest.raises(PersistentError, match="expected more room on its disk, got a full one after 10 bytes"):
        write_until_full(tmp_path / "thing")
    assert list(tmp_path.iterdir()) == []


def test_tensors_on_a_full_disk_are_told_and_not_a_traceback(tmp_path, monkeypatch):
    from safetensors import SafetensorError

    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("staanet.core.checkpoints.save_file", full)
    monkeypatch.setattr(atomic.shutil, "disk_usage", usage(1000))
    with pytest.raises(
        PersistentError, match=r"expected 4 bytes free on its disk, got 1\.0 kB and no more by its quota"
    ):
        save_tensors(tmp_path / "thing", {"a": torch.zeros(1)})


def test_names_are_never_given_twice(tmp_path):
    names = [name for _ in range(100) for name in temporary_names(tmp_path / "a")]
    assert len(set(names)) == 200
