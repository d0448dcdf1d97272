"""Refresh the tables between `<!-- KIND -->` and `<!-- /KIND -->` in the documents: `python tools/tables.py`.

Their rows come from the registries, as those of `staanet list KIND` do. A test fails if a table is out of date.
"""

import re
from pathlib import Path

from staanet.cli.list import Kind, entries

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
HEADINGS = {
    "name": "Name",
    "summary": "What it is",
    "access": "Asks of the model",
    "norms": "Bounds",
    "targetable": "Can be targeted",
    "reference": "Source",
    "unit": "Unit",
    "stronger": "Stronger or less audible is",
    "over": "Mean over clips",
    "licence": "Licence",
}


def table(kind: Kind) -> str:
    """Return the entries of a kind as a Markdown table."""
    rows = [{key: value for key, value in row.items() if key in HEADINGS} for row in entries(kind)]
    lines = [[HEADINGS[key] for key in rows[0]], ["---"] * len(rows[0])]
    lines += [[cell(key, value) for key, value in row.items()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(key: str, value: object) -> str:
    """Return a value as the text of a Markdown cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(value) if isinstance(value, list) else str(value)
    text = text.replace("|", "\\|")
    if key == "name":
        return f"`{text}`"
    return re.sub(r"arXiv (\d{4}\.\d{4,5})", r"[arXiv \1](https://arxiv.org/abs/\1)", text)


def refreshed(text: str) -> str:
    """Return a document in which every table between markers is up to date."""
    for kind in Kind:
        between = re.compile(rf"(<!-- {kind} -->\n).*?(<!-- /{kind} -->)", re.DOTALL)
        text = between.sub(lambda match, kind=kind: f"{match[1]}{table(kind)}\n{match[2]}", text)
    return text


if __name__ == "__main__":
    for path in DOCUMENTS:
        path.write_text(refreshed(path.read_text(encoding="utf-8")), encoding="utf-8")
