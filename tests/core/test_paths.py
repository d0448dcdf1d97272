from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staanet.core.errors import StaanetError
from staanet.core.paths import LONGEST, FilePlaces, as_path, check_joined_names, check_names, inside, safe_name

NAMES = st.one_of(st.text(), st.sampled_from(["..", ".", "", "a/../b", "con", "LPT1.wav", "x" * 500, "ä" * 200, "a "]))


@given(NAMES)
def test_every_text_becomes_the_name_of_one_file(text):
    name = safe_name(text)
    assert name not in ("", ".", "..")
    assert not set(name) & set('/\\:*?"<>|\0\n\x1b')
    assert name.isprintable()
    assert len(name.encode()) <= LONGEST
    assert name[0] != "."
    assert name[-1] not in ". "
    assert safe_name(name) == name


@given(st.lists(NAMES, unique=True, min_size=2, max_size=2))
def test_two_texts_have_two_names(texts):
    names = [safe_name(text) for text in texts]
    assert names[0] != names[1]


@pytest.mark.parametrize("name", ["anna_1", "joy-1.wav", "Ärger (laut)", "a b", "é", "03a01Fa", "x" * LONGEST])
def test_usual_names_stay_as_they_are(name):
    assert safe_name(name) == name


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b c", "~", "\0", "C:"]), min_size=1).map("/".join))
def test_every_place_is_inside_the_root(name):
    root = Path("/root/of/files")
    place = FilePlaces(root).place(name, ".flac")
    assert Path(*place.parts[: len(root.parts)]) == root
    assert ".." not in place.parts
    assert len(place.parts) > len(root.parts)


@pytest.mark.parametrize(("one", "other"), [("a", "A"), ("straße", "STRASSE"), ("joy/a", "JOY/A"), ("é", "É")])
def test_two_names_that_a_file_system_may_take_for_one_are_refused(one, other):
    places = FilePlaces(Path("out"))
    places.place(one, ".flac")
    assert places.place(one, ".flac") == places.place(one, ".flac")
    with pytest.raises(StaanetError, match="expected a file of its own for"):
        places.place(other, ".flac")


def test_an_ending_may_make_two_names_collide():
    places = FilePlaces(Path("out"))
    places.place("a.mp3", ".flac")
    with pytest.raises(StaanetError, match=r"a.mp3.flac: expected a file of its own for 'a.mp3.flac'"):
        places.place("a.mp3.flac")


@pytest.mark.parametrize("name", ["", "..", "../a", "a/../../b", "/a", "a\\b", "a\0b"])
def test_a_name_that_leads_out_of_a_folder_is_refused(name):
    with pytest.raises(StaanetError, match="expected the name of a file in this folder"):
        inside(Path("run"), name)


def test_names_of_an_experiment():
    check_names("models", ["a", "b-c", "d.e", "Ä"])
    check_joined_names(["fgsm", "pgd"], ["a", "b-a"])
    for wrong in (["a/b"], [""], ["x" * 61], ["ß", "SS"]):
        with pytest.raises(StaanetError, match=r"rename|shorten"):
            check_names("models", wrong)


@pytest.mark.parametrize("path", ["x" * 256, f"a/{'é' * 128}/b", "a\0b"])
def test_paths_that_no_file_system_has(path):
    with pytest.raises(StaanetError, match="names of 255 bytes at most"):
        as_path(path)
    assert as_path("x" * 255) == Path("x" * 255)
