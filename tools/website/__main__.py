"""Assemble the pages of the documentation site: `python tools/website FOLDER`; `make docs` builds them with Sphinx.

The site consists of the documents of this repository, of pages that are generated from the registries, the command
line and the settings, and of a first page. Nothing is written twice: a document is copied with its links adapted.
"""

import shutil
import sys
from pathlib import Path

import gallery
import reference
from documents import ROOT, Pages

sys.path.append(str(ROOT / "tools"))
from reference_table.pages import Page

SITE = ROOT / "docs" / "site"


def assemble(folder: Path) -> Pages:
    """Write all pages to a folder and return them; what was in the folder is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = Pages(folder)
    for name, text in reference.pages().items():
        pages.write(name, text)
    pages.write("gallery.md", pages.adapted("docs/gallery.md", gallery.page()))
    pages.copy_documents()
    for path in SITE.glob("*.md"):
        pages.write(path.name, pages.adapted(f"docs/{path.name}", path.read_text(encoding="utf-8")))
    (folder / "reference-table.html").write_text(Page().html(), encoding="utf-8")
    shutil.copytree(SITE / "_static", folder / "_static")
    return pages


if __name__ == "__main__":
    assemble(Path(sys.argv[1]))
