import re

import method
import pytest

from staanet.attacks.generator import GENERATORS


def test_arithmetic_is_counted_without_computing():
    assert method.gflop(GENERATORS["compact"]) == pytest.approx(1.398, abs=0.01)


def test_a_table_replaces_what_stands_between_its_markers():
    text = "before\n<!-- networks -->\nold\n<!-- /networks -->\nafter <!-- results: emodb -->"
    between = method._between("networks", lambda given: f"new {given}", text)
    assert between == "before\n<!-- networks -->\nnew None\n<!-- /networks -->\nafter <!-- results: emodb -->"
    assert method._between("results", str, "<!-- results: a, b -->\nold\n<!-- /results -->").splitlines()[1] == "a, b"


def test_the_page_explains_every_generator():
    text = method.PAGE.read_text()
    explained = text[text.index("## The generators") : text.index("<!-- networks -->")]
    assert [name for name in GENERATORS if f"`{name}`" not in explained] == []


def test_the_figure_is_up_to_date():
    assert method.FIGURE.read_text() == method.figure(), "run python tools/method.py"
    texts = re.findall(r"<text[^>]*>([^<]*)", method.figure())
    assert {"clip x", "forward", "backward"} <= set(texts)


@pytest.mark.slow
def test_the_tables_are_up_to_date():
    text = method.PAGE.read_text()
    assert method.refreshed(text) == text, "run python tools/method.py"
