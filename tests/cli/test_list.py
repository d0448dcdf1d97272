import json

import pytest

from staanet.cli.catalogue import Kind, entries, listed


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_table_fits_the_terminal_and_shows_every_name_whole(staanet, monkeypatch, kind, width):
    monkeypatch.setenv("COLUMNS", str(width))
    status, out, err = staanet("list", kind.value)
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= width
    shown = {line.split()[0] for line in out.splitlines() if line.strip()}
    assert {row["name"] for row in listed(kind)} <= shown


def test_long_prints_every_detail(staanet, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = staanet("list", "corpora", "--long")
    assert status == 0
    text = " ".join(out.split())
    for row in listed(Kind.CORPORA):
        assert f"{row['summary']} Licence: {row['licence']} Citation: {row['citation']}" in text
    assert "BibTeX: staanet cite emodb" in text


def test_without_a_kind_every_name_is_listed(staanet):
    status, out, _ = staanet("list", "--json")
    assert status == 0
    assert json.loads(out) == {kind.value: listed(kind) for kind in Kind}
    _, out, _ = staanet("list")
    assert {row["name"] for kind in Kind for row in listed(kind)} <= set(out.replace(",", " ").split())


@pytest.mark.parametrize("kind", list(Kind))
def test_the_stored_catalogue_is_that_of_the_registries(kind):
    assert listed(kind) == entries(kind), "run python tools/tables.py"
