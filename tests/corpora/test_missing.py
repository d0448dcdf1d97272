import pytest

from staanet.corpora.missing import missing_reasons

FILES = ["joy/a.flac", "joy/b.wav", "wav/c.wav", "Case.wav", "case.wav"]


@pytest.mark.parametrize(
    ("path", "reason", "meant"),
    [
        ("joy/a.wav", "another ending", "joy/a.flac"),
        ("joy\\a.wav", "another ending", "joy/a.flac"),
        ("joy/b", "another ending", "joy/b.wav"),
        ("data/joy/b.wav", "paths that begin at another folder", "joy/b.wav"),
        ("data\\JOY\\b.wav", "paths that begin at another folder", "joy/b.wav"),
        ("data/joy/a.wav", "paths that begin at another folder, and another ending", "joy/a.flac"),
        ("/home/me/corpus/joy/b.wav", "absolute paths of another folder or machine", "joy/b.wav"),
        ("C:\\Users\\me\\joy\\b.wav", "absolute paths of another folder or machine", "joy/b.wav"),
        ("c.wav", "another folder", "wav/c.wav"),
        ("fear/c.wav", "another folder", "wav/c.wav"),
        ("CASE.WAV", "several files that differ in case only", "Case.wav and case.wav"),
        ("nosuch.wav", "no file of a similar name", None),
    ],
)
def test_the_likely_reason_is_found(path, reason, meant):
    there = f" (there is {meant!r})" if meant else ""
    paths = "expected a file for each of 2 paths"
    assert missing_reasons([path], 2, FILES) == [
        f"{paths}, found none for 1: {reason}, such as {path!r}{there}; correct the paths"
    ]


def test_paths_with_one_reason_are_one_line_and_the_most_frequent_reason_is_first():
    lines = missing_reasons(["x.wav", *(f"joy/{name}.mp3" for name in "ab")], 9, FILES)
    assert [line.split(": ")[0][-1] for line in lines] == ["2", "1"]
    assert "of 9 paths" in lines[0]
