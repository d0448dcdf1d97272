"""Figures as SVG: nothing that is drawn is lost when what changes nothing is removed."""

import re
from xml.etree import ElementTree

from matplotlib.figure import Figure

from staanet.report import figures


def draw(drawing: Figure) -> str:
    axes = drawing.subplots()
    axes.plot([0, 1, 2], [1 / 3, 2, 1], marker="o", label="a line")
    axes.scatter([0.5], [1.5], marker="D")
    axes.set_xlabel("time", rotation=0)
    axes.set_ylabel("size")
    axes.legend()
    return "a figure"


def test_every_reference_has_its_target_and_ids_begin_with_the_prefix():
    text = str(figures.svg(draw, prefix="mine"))
    names = re.findall(r'\bid="([^"]*)"', text)
    assert len(names) == len(set(names)) > 2
    assert all(re.fullmatch(r"mine-\d+", name) for name in names)
    assert set(re.findall(r'xlink:href="#([^"]*)"|url\(#([^)]*)\)', text)) <= {
        pair for name in names for pair in ((name, ""), ("", name))
    }


def test_groups_that_change_nothing_are_removed_and_all_others_are_closed():
    whole = '<svg><g><g clip-path="a">\n<path/></g>\n<g/>\n<g ></g></g><g><text/></g></svg>'
    assert figures._ungrouped(whole) == '<svg><g clip-path="a">\n<path/></g>\n<g ></g><text/></svg>'
    root = ElementTree.fromstring(str(figures.svg(draw, prefix="mine")))  # noqa: S314
    kinds = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert all(element.attrib for element in root.iter() if element.tag.endswith("}g"))
    assert kinds.count("use") > 4  # the markers and the ticks
    texts = {"".join(element.itertext()) for element in root.iter() if element.tag.endswith("}text")}
    assert {"time", "size", "a line"} <= texts


def test_an_upright_text_is_not_turned_and_a_turned_one_is():
    text = str(figures.svg(draw, prefix="mine"))
    assert "rotate(0" not in text
    assert "rotate(-0" not in text
    assert re.search(r'transform="rotate\(-90[^>]*>size<', text)
