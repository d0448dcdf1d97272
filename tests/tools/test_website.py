import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the assembled pages."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "website", folder], capture_output=True, text=True, check=False, timeout=600
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def without_code(text):
    return re.sub(r"^(`{3,})[^`{]*\n.*?^\1$|`[^`\n]*`", "", text, flags=re.M | re.S)


@pytest.mark.slow
def test_every_link_between_pages_leads_to_a_page_or_file_of_the_site(site):
    pages = sorted(site.rglob("*.md"))
    assert len(pages) > 60
    for page in pages:
        for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
            target = unquote(link.partition("#")[0])
            if re.match(r"[a-z]+:", link) or not target:
                continue
            found = Path(os.path.normpath(page.parent / target))
            assert found.is_file(), f"{page.relative_to(site)}: {link}"
            assert found.is_relative_to(site), f"{page.relative_to(site)}: {link} leaves the site"


@pytest.mark.slow
def test_reference_pages_have_every_name_option_and_key(site):
    from staanet.cli.catalogue import Kind, names

    for kind in Kind:
        text = (site / "reference" / f"{kind.value}.md").read_text(encoding="utf-8")
        assert [name for name in names(kind) if f"`{name}`" not in text] == []
    commands = (site / "reference" / "command-line.md").read_text(encoding="utf-8")
    for name in ("## `staanet import model`", "## `staanet doctor`", "`--fail-under", "`--trust`", "`-o, --out"):
        assert name in commands
    keys = (site / "reference" / "configuration.md").read_text(encoding="utf-8")
    for name in ("`labels_from`", "`snr_db`", "`epochs`", "## Training of generators"):
        assert name in keys


@pytest.mark.slow
def test_the_site_builds_without_warnings(site, tmp_path):
    pytest.importorskip("sphinx", reason="needs the extra docs")
    command = ["-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-c", ROOT / "docs" / "site"]
    done = subprocess.run(
        [sys.executable, *command, site, tmp_path / "html"], capture_output=True, text=True, check=False, timeout=600
    )
    assert (done.returncode, done.stderr) == (0, "")
    for page in ("index.html", "search.html", "reference/attacks.html", "results/emodb/index.html"):
        assert (tmp_path / "html" / page).is_file()
    assert 'class="viewcode-link"' in (tmp_path / "html" / "reference" / "api.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("document", "page"),
    [
        ("docs/guide/evaluate.md", "guide/evaluate.md"),
        ("docs/guide/README.md", "guide/index.md"),
        ("results/emodb/README.md", "results/emodb/index.md"),
        ("SECURITY.md", "security.md"),
        ("README.md", "index.md"),
    ],
)
def test_each_document_has_its_place(monkeypatch, document, page):
    monkeypatch.syspath_prepend(ROOT / "tools" / "website")
    import documents

    assert documents.place(document) == page
    assert page == "index.md" or document in documents.documents()


def test_links_are_adapted_outside_of_code_only(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "tools" / "website")
    import documents

    pages = documents.Pages(tmp_path)
    text = "[a](../../SECURITY.md#scope) [b](https://x.org) [c](../../LICENSE)\n```text\n[a](../../SECURITY.md)\n```\n"
    adapted = pages.adapted("docs/guide/evaluate.md", text)
    assert adapted == (
        "[a](../security.md#scope) [b](https://x.org) [c](../files/LICENSE)\n```text\n[a](../../SECURITY.md)\n```\n"
    )
    assert (tmp_path / "files" / "LICENSE").is_file()


def test_docstrings_become_markdown(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools" / "website")
    import docstrings

    text = "Sum |x|.\n\nArgs:\n    x: A value\n        of `a_b`.\n\nShape: `[B]` -> `[B]`.\n\n>>> 1\n1"
    lines = [line for line in docstrings.markdown_of(text).splitlines() if line]
    assert lines == [
        *(r"Sum \|x\|.", "**Args**", "- `x`: A value", "  of `a_b`.", r"**Shape**: `[B]` -\> `[B]`."),
        *("```pycon", ">>> 1", "1", "```"),
    ]
