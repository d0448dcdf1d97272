import os
import unicodedata

import numpy as np
import pytest
import soundfile

from staanet.audio.files import write
from staanet.core.errors import StaanetError
from staanet.corpora import EmoDB
from staanet.corpora.base import Utterance, audio_files, unusable_files
from staanet.corpora.listing import by_path

NOISE = np.random.default_rng(0).uniform(-0.3, 0.3, 400).astype(np.float32)


def put(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write(root / name, NOISE, 16_000)


def found_by(root, *paths):
    described = [Utterance(path, path, "joy", f"s{number}") for number, path in enumerate(paths)]
    return by_path(root, described, "audio")


@pytest.mark.parametrize(
    ("file", "path"),
    [
        (unicodedata.normalize("NFD", "é.wav"), "é.wav"),
        ("é.wav", unicodedata.normalize("NFD", "é.wav")),
        ("sub/a.wav", "sub\\a.wav"),
        ("sub/a.wav", "{root}/sub/a.wav"),
        ("sub/a.wav", "{root}/./sub/../sub/a.wav"),
        ("a.wav", "A.WAV"),
        ("Sub/a.WAV", "sub/A.wav"),
    ],
)
def test_a_file_is_found_under_another_spelling_of_its_path(tmp_path, file, path):
    put(tmp_path, file)
    found = found_by(tmp_path, path.format(root=tmp_path))
    (clip,) = found.utterances
    assert clip.path == file
    assert clip.id == unicodedata.normalize("NFC", file.rsplit(".", 1)[0])
    assert (found.missing, found.extra, found.problems) == ([], [], [])


def test_paths_may_begin_with_a_relative_root(tmp_path, monkeypatch):
    put(tmp_path / "data", "joy/a.wav", "data/b.wav")
    monkeypatch.chdir(tmp_path)
    found = found_by(type(tmp_path)("data"), "data/joy/a.wav", "data/b.wav", str(tmp_path / "data" / "joy" / "no.wav"))
    assert [clip.path for clip in found.utterances] == ["joy/a.wav", "data/b.wav"]
    assert found.missing == [str(tmp_path / "data" / "joy" / "no.wav")]


def test_a_spelling_that_means_two_files_is_missing_and_an_exact_one_is_found(tmp_path):
    put(tmp_path, "a.wav", "A.wav")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("the file system does not distinguish case")
    found = found_by(tmp_path, "A.wav", "a.WAV")
    assert [clip.path for clip in found.utterances] == ["A.wav"]
    assert found.missing == ["a.WAV"]


def test_files_outside_the_root_are_never_found(tmp_path):
    put(tmp_path, "a.wav", "root/b.wav")
    outside = (f"{tmp_path}/a.wav", "../a.wav", "..\\a.wav", "b.wav/../../a.wav")
    found = found_by(tmp_path / "root", "b.wav", *outside)
    assert [clip.path for clip in found.utterances] == ["b.wav"]
    assert found.missing == list(outside)


@pytest.mark.parametrize("name", ["a.aiff", "a.aif", "a.au", "a.opus", "a.oga", "a.caf", "A.FLAC"])
def test_every_format_that_can_be_read_is_listed(tmp_path, name):
    kinds = {"opus": "OGG", "oga": "OGG", "aif": "AIFF"}
    kind = kinds.get(name.split(".")[1])
    soundfile.write(tmp_path / name, NOISE, 48_000, "OPUS" if name.endswith("opus") else None, format=kind)
    assert [clip.path for clip in found_by(tmp_path, name).utterances] == [name]


def test_audio_in_another_format_is_reported_and_not_missing(tmp_path):
    put(tmp_path, "a.wav")
    (tmp_path / "b.m4a").write_bytes(b"audio")
    for found in (found_by(tmp_path, "a.wav", "b.m4a"), EmoDB().validate(tmp_path)):
        assert "b.m4a" not in found.missing
        (line,) = [line for line in found.problems if "b.m4a" in line]
        assert line.startswith(f"{tmp_path / 'b.m4a'}: expected .wav, .flac, .ogg,")
        assert line.endswith("got '.m4a'; convert it: ffmpeg -i b.m4a b.wav; skipped")


@pytest.mark.parametrize("name", [b"caf\xe9.wav", b"caf\xe9/a.wav"])
def test_a_name_that_is_not_utf_8_is_reported_and_the_others_are_used(tmp_path, name):
    put(tmp_path, "a.wav", "b.wav")
    target = tmp_path / os.fsdecode(name)
    try:
        target.parent.mkdir(exist_ok=True)
        (tmp_path / "b.wav").rename(target)
    except OSError:
        pytest.skip("the file system refuses such names")
    for found in (found_by(tmp_path, "a.wav", os.fsdecode(name)), EmoDB().validate(tmp_path)):
        lines = [line for line in (*found.problems, *found.missing, *found.extra) if "caf" in line]
        assert lines == [
            f"{tmp_path}/{name.decode('utf-8', 'backslashreplace')}: expected a name in UTF-8, got another encoding; "
            "rename the file; skipped"
        ]
    assert [clip.path for clip in found_by(tmp_path, "a.wav").utterances] == ["a.wav"]


def test_where_no_clip_is_usable_the_error_gives_a_reason(tmp_path):
    put(tmp_path, "a.wav")
    with pytest.raises(StaanetError, match=r"no usable clip: .* found none for 1: another ending, such as 'a'"):
        found_by(tmp_path, "a")


def test_sound_and_video_that_were_converted_already_are_not_reported(tmp_path):
    put(tmp_path, "wav/dia0.wav", "joy/a.wav")
    (tmp_path / "video").mkdir()
    for name in ("video/dia0.mp4", "joy/a.m4a", "video/dia1.mp4", "video/a.m4a"):
        (tmp_path / name).write_bytes(b"film")
    assert list(unusable_files(tmp_path)) == ["video/a.m4a", "video/dia1.mp4"]


def test_files_in_linked_folders_are_found_and_circles_are_not_followed(tmp_path):
    put(tmp_path / "elsewhere", "sadness/a.wav")
    put(tmp_path / "corpus", "anger/b.wav")
    (tmp_path / "corpus" / "sadness").symlink_to(tmp_path / "elsewhere" / "sadness")
    (tmp_path / "corpus" / "anger" / "back").symlink_to(tmp_path / "corpus")
    assert audio_files(tmp_path / "corpus") == ("anger/b.wav", "sadness/a.wav")
