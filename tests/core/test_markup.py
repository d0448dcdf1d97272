import csv
import io
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staanet.core.markup import csv_text, latex, markdown, shown
from staanet.core.text import plain
from staanet.report.templates import TEMPLATES

HOSTILE = ("=1+1", "+1", "-1+2", "@SUM(A1)", "  =1", "\t=1", "\n=1", "=cmd|' /C calc'!A0")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_spreadsheet_takes_no_text_for_a_formula(text):
    (row,) = csv.DictReader(io.StringIO(csv_text(["name"], [{"name": text}])))
    assert row["name"].startswith("'")
    assert row["name"].lstrip("' ").startswith(text.strip()[0])


def test_numbers_stay_numbers_and_texts_stay_texts():
    written = csv_text(["a", "b", "c"], [{"a": -0.5, "b": None, "c": 'one, "two"'}])
    assert written == 'a,b,c\n-0.5,,"one, ""two"""\n'


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_every_row_of_csv_comes_back_as_one_row_of_as_many_cells(texts):
    columns = [f"column{number}" for number in range(len(texts))]
    written = csv_text(columns, [dict(zip(columns, texts, strict=True))])
    rows = list(csv.reader(io.StringIO(written)))
    assert [len(row) for row in rows] == [len(texts)] * 2
    assert [cell.removeprefix("'").strip() for cell in rows[1]] == [
        plain(text).removeprefix("'").strip() for text in texts
    ]


@given(st.text())
def test_a_plain_text_is_one_line_without_control_characters_and_stays_as_it_is(text):
    made = plain(text)
    assert "\n" not in made
    assert len(made.splitlines()) <= 1
    assert not any(letter in made for letter in "\x00\x1b\u202e\u2066\u200f\ufeff\u2028")
    assert plain(made) == made


@given(st.text())
def test_a_cell_of_markdown_neither_ends_the_cell_nor_the_row(text):
    made = markdown(text)
    assert "\n" not in made
    unescaped = made.replace("\\\\", "")
    assert all(unescaped[place - 1 : place] == "\\" for place, sign in enumerate(unescaped) if sign in "|<>`*_[]")


@given(st.text())
def test_latex_has_balanced_braces_and_no_commands_of_others(text):
    made = latex(text)
    assert "\n" not in made
    bare = made.replace("\\{", "").replace("\\}", "")
    assert bare.count("{") == bare.count("}")


@given(st.text())
def test_xml_can_be_read_again_whatever_a_text_contains(text):
    element = ElementTree.Element("case", name=shown(text))
    assert ElementTree.fromstring(ElementTree.tostring(element, encoding="unicode")).get("name") is not None  # noqa: S314


def test_a_page_shows_control_characters_and_changes_of_direction_as_escapes():
    page = TEMPLATES.from_string("<td>{{ name }}</td>").render(name="anna\u202egpj.<b>\nx")
    assert page == "<td>anna\\u202egpj.&lt;b&gt; x</td>"
