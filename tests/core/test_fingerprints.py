"""Hashes of contents: computed once, and again for whatever is changed or exchanged."""

import hashlib
import os
import shutil

import pytest

from staanet.core import fingerprints
from staanet.core.fingerprints import contents


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprints, "default_path", lambda: tmp_path / "cache" / "hashes.sqlite")
    paths = [tmp_path / name for name in ("a.wav", "b.wav")]
    for path in paths:
        path.write_bytes(path.name.encode() * 100)
    return paths


@pytest.fixture
def hashed(monkeypatch):
    names = []
    digest = fingerprints.file_digest
    monkeypatch.setattr(fingerprints, "file_digest", lambda path: names.append(path.name) or digest(path))
    return names


def test_they_are_the_hashes_of_the_contents_and_computed_once(files, hashed):
    expected = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert contents([*files, *files]) == expected
    assert contents(files) == expected
    assert sorted(hashed) == ["a.wav", "b.wav"]


def exchanged(one, other):
    spare = one.with_name("spare")
    one.replace(spare)
    other.replace(one)
    spare.replace(other)


def overwritten_with_the_old_time(one, other):
    times = one.stat()
    one.write_bytes(other.read_bytes())
    os.utime(one, ns=(times.st_atime_ns, times.st_mtime_ns))


def copied_with_its_time(one, other):
    shutil.copy2(other, one)


@pytest.mark.parametrize("change", [exchanged, overwritten_with_the_old_time, copied_with_its_time])
def test_other_contents_of_the_same_size_are_noticed(files, change):
    one, other = files
    before = contents(files)
    os.utime(other, ns=(one.stat().st_atime_ns, one.stat().st_mtime_ns))
    contents(files)
    change(one, other)
    assert contents(files)[one] == before[other]


@pytest.mark.parametrize("content", [b"", b"no database at all, but longer than its head" * 100])
def test_a_damaged_cache_hinders_nobody(files, tmp_path, content):
    before = contents(files)
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(content)
    assert contents(files) == before


def test_without_a_place_for_the_cache_all_files_are_read(files, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(fingerprints, "default_path", lambda: tmp_path / "file" / "hashes.sqlite")
    assert set(contents(files)) == set(files)
