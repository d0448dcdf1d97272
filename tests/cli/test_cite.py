import re

import pytest

from staanet.cli.bibliography import bibliography, cited_in, fields
from staanet.cli.catalogue import Kind, listed

SOURCES = ("attacks", "corpora", "corruptions", "defences", "detectors")


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_that_is_named_has_its_entry(kind):
    for row in listed(Kind(kind)):
        source = row.get("reference") or row["citation"]
        numbers = re.findall(r"arXiv (\d{4}\.\d{4,5})", source)
        found = [fields(bibliography()[key]) for key in row["cites"]]
        assert set(numbers) <= {entry.get("eprint") for entry in found}, row["name"]
        own = ("the database's own", "the dataset's own", "your own", "control")
        assert found or source in own, f"{row['name']}: {source} has no entry in references.bib"
        for doi in re.findall(r"doi:(\S+)", source):
            assert doi in {entry.get("doi") for entry in found}, row["name"]


@pytest.mark.parametrize("key", bibliography())
def test_an_entry_is_whole(key):
    entry = bibliography()[key]
    assert entry.count("{") == entry.count("}")
    found = fields(entry)
    assert len(found) == len(re.findall(r"^  \w+ = ", entry, flags=re.M))
    assert {"title", "year"} <= found.keys()
    people = found.get("author") or found["institution"]
    assert "others" not in people
    assert "et al" not in people
    if not people.startswith("{") and "author" in found:
        for person in people.split(" and "):
            family, _, given = person.partition(", ")
            assert family, f"{key}: {person}"
            assert len(re.sub(r"\W", "", given.split()[0])) > 1 or " " in given, f"{key}: {person}: initials only"
    assert re.fullmatch(r"\d{4}", found["year"])
    assert found.keys() & {"eprint", "doi", "url", "howpublished", "number", "version"}, f"{key} leads nowhere"


@pytest.mark.parametrize("row", [row for row in listed(Kind.CORPORA) if row["cites"]], ids=lambda row: row["name"])
def test_a_citation_and_its_entry_name_the_same_people_in_the_same_order(row):
    (entry,) = (fields(bibliography()[key]) for key in row["cites"])
    families = [person.partition(",")[0] for person in entry["author"].split(" and ")]
    place = 0
    for family in families:
        place = row["citation"].find(f" {family}", place + 1)
        assert place > 0, f"{row['name']}: {family}"
    assert entry["year"] in row["citation"]


def test_cite_prints_the_papers_of_a_name_and_nothing_else_on_stdout(staanet):
    status, out, err = staanet("cite", "fgsm")
    assert (status, out) == (0, bibliography()["goodfellow2015explaining"] + "\n")
    assert err == "% fgsm (attacks): goodfellow2015explaining\n"
    status, out, err = staanet("cite", "zhao19", "fgsm", "staa_net")
    assert out.count("@") == 3
    assert out.count("{chang2024staanet,") == 1


def test_a_name_of_several_kinds_gives_all_their_papers(staanet):
    _, out, err = staanet("cite", "noise")
    assert "{staanet," in out
    assert "{liu2018random," in out
    assert "noise (attacks): no paper of its own" in err


def test_without_a_name_the_library_is_cited(staanet):
    assert staanet("cite") == (0, bibliography()["staanet"] + "\n", "")
    _, out, _ = staanet("cite", "all")
    assert out == "\n\n".join(bibliography().values()) + "\n"


def test_an_unknown_name_is_refused_with_the_nearest(staanet):
    status, out, err = staanet("cite", "fgsn")
    assert (status, out) == (2, "")
    assert "did you mean 'fgsm'?" in err


def test_titles_are_found_whatever_their_case():
    assert cited_in("attention is  all\nyou need") == ["vaswani2017attention"]
    assert cited_in("nothing of this kind, G.7112") == []
