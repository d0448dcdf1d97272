"""Every page is one file whose security policy allows its own styles and scripts, and nothing else."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from staanet.report.listening import test as listening
from staanet.report.templates import TEMPLATES, page

VENDOR = files("staanet.report").joinpath("vendor")

UPLOT = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot.LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
"""SHA-256 of the files of uPlot 1.6.32, as its package holds them."""


class Reader(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


def tags(text):
    return Reader(text).tags


def digest(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def parts(text):
    """Return the policy, the styles and the scripts of a page."""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    rules = {name: values.split() for name, _, values in (rule.strip().partition(" ") for rule in policy.split(";"))}
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    return rules, styles, re.findall(r"<script>(.*?)</script>", text, re.DOTALL)


def check(text):
    rules, styles, scripts = parts(text)
    assert rules["default-src"] == ["'none'"]
    assert rules["style-src"] == [digest(style) for style in styles]
    assert rules["script-src"] == ([digest(script) for script in scripts] or ["'none'"])
    assert rules["img-src"] == rules["media-src"] == ["data:"]
    assert "unsafe" not in json.dumps(rules)
    names = {name for _, attributes in tags(text) for name in attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_the_page_of_a_run_allows_only_its_own_styles_and_scripts(run):
    check((run / "report" / "index.html").read_text())


def test_the_page_for_listeners_allows_only_its_own_styles_and_scripts(run):
    path = listening.write(run)
    check(path.read_text())
    assert "uPlot" not in path.read_text()


@pytest.mark.parametrize("template", sorted(name for name in TEMPLATES.list_templates() if name.endswith(".j2")))
def test_no_template_writes_a_policy_of_its_own(template):
    text = TEMPLATES.loader.get_source(TEMPLATES, template)[0]
    assert "unsafe-inline" not in text
    if template != "base.html.j2":
        assert not {"html", "head", "style"} & {tag for tag, _ in tags(text)}
        assert {attributes.get("type") for tag, attributes in tags(text) if tag == "script"} <= {"application/json"}


def test_the_library_in_every_page_is_its_release():
    for name, expected in UPLOT.items():
        assert hashlib.sha256(VENDOR.joinpath(name).read_bytes()).hexdigest() == expected, name
    library = VENDOR.joinpath("uPlot.iife.min.js").read_text()
    assert "(v1.6.32)" in library
    assert len(library) < 60_000
    assert "</script" not in library


def test_the_licence_of_the_library_is_in_every_page(run):
    text = (run / "report" / "index.html").read_text()
    assert "Copyright (c) 2022 Leon Sorokin" in text
    assert "The above copyright notice and this permission notice shall be included" in text


def test_the_template_of_a_page_must_know_everything_that_it_shows():
    with pytest.raises(Exception, match="is undefined"):
        page("page.html.j2")


def test_a_point_of_the_chart_of_costs_is_a_record(run):
    text = (run / "report" / "index.html").read_text()
    shares, levels = (json.loads(data) for data in re.findall(r'type="application/json">(.*?)</script>', text))
    assert len(shares["x"]) == len(levels["x"]) == 4
    assert shares["x"] == sorted(shares["x"])
    lines = {line["name"]: line for line in shares["lines"]}
    assert set(lines) == {"chance (25.0 %)", "staa_net", "sparse_pgd"}
    pairs = zip(lines["staa_net"]["values"], lines["sparse_pgd"]["values"], strict=True)
    assert all((one is None) != (other is None) for one, other in pairs)
    assert {value for value in lines["sparse_pgd"]["values"] if value is not None} == {0.0196, 0.5}
