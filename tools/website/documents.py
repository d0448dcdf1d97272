"""Documents of the repository as pages of the site: where each stands, and how its links are adapted."""

import os
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?P<start>\]\()(?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?(?P<end>\))")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
GENERATED = {"README.md": "index.md"}
"""Documents in whose place the site has another page."""


def place(document: str) -> str:
    """Return the path on the site of a document, given by its path in the repository.

    >>> place("docs/guide/evaluate.md"), place("results/emodb/README.md"), place("SECURITY.md")
    ('guide/evaluate.md', 'results/emodb/index.md', 'security.md')
    """
    if document in GENERATED:
        return GENERATED[document]
    path = Path(document)
    if path.parts[0] == "docs":
        path = Path(*path.parts[1:])
    elif len(path.parts) == 1:
        path = Path(document.lower())
    return str(path.with_name("index.md") if path.name == "README.md" else path)


def documents() -> list[str]:
    """Return the paths of all documents in the repository that belong to the site, without those it replaces."""
    site = ROOT / "docs" / "site"
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "results").rglob("*.md")]
    inside = [path for path in found if site not in path.parents and "tables" not in path.parts]
    return sorted(name for path in inside if (name := str(path.relative_to(ROOT))) not in GENERATED)


class Pages:
    """The pages of the site, which are written to a folder.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places = {document: place(document) for document in [*documents(), *GENERATED]}

    def write(self, name: str, text: str) -> None:
        """Write a page; documents link it as one in the folder `docs`."""
        self.places.setdefault(f"docs/{name}", name)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def copy_documents(self) -> None:
        """Write all documents, with their links adapted, and the files that they show or link."""
        for document in documents():
            self.write(self.places[document], self.adapted(document))

    def adapted(self, document: str, text: str | None = None) -> str:
        """Return the text of a document, or the given text in its place, with links to where targets stand here."""
        text = (ROOT / document).read_text(encoding="utf-8") if text is None else text
        pieces, end = [], 0
        for fence in FENCE.finditer(text):
            pieces += [self._with_links(document, text[end : fence.start()]), fence[0]]
            end = fence.end()
        return "".join([*pieces, self._with_links(document, text[end:])])

    def _with_links(self, document: str, text: str) -> str:
        def adapt(link: re.Match[str]) -> str:
            target = os.path.relpath((ROOT / document).parent / link["target"], ROOT)
            return f"{link['start']}{self._link(document, target)}{link['anchor'] or ''}{link['end']}"

        return LINK.sub(adapt, text)

    def _link(self, document: str, target: str) -> str:
        """Return the link from a document to a file of the repository; a file that is no page is copied."""
        here = Path(place(document)).parent
        if (ROOT / target).is_dir():
            return self._link(document, self._listing(target))
        if target not in self.places and not (ROOT / target).exists():
            return os.path.relpath(place(target), here)  # leads nowhere, which Sphinx reports
        if target not in self.places:
            copy = Path("files") / target
            (self.folder / copy).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / target, self.folder / copy)
            return os.path.relpath(copy, here)
        return os.path.relpath(self.places[target], here)

    def _listing(self, folder: str) -> str:
        """Return the page of a folder: its README if it has one, else a page with its files that is written here."""
        readme, name = f"{folder}/README.md", f"files/{folder}/index.md"
        if readme in self.places:
            return readme
        if name not in self.places:
            self.places[name] = name
            files = sorted(path for path in (ROOT / folder).iterdir() if path.is_file() and path.name[0] != ".")
            lines = [f"- [{path.name}]({self._link(name, str(path.relative_to(ROOT)))})" for path in files]
            self.write(name, "\n".join(["---\norphan: true\n---\n", f"# `{folder}`\n", *lines]) + "\n")
        return name
