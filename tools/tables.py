"""Refresh the catalogue of `staanet list` and the tables in the documents: `python tools/tables.py`.

Their rows come from the registries. A table stands between `<!-- KIND -->` and `<!-- /KIND -->`; `<!-- KIND: NAME, NAME
-->` selects columns. A test fails if the catalogue or a table is out of date.
"""

import json
import re
from pathlib import Path

from staanet.cli.catalogue import Kind, entries

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = ROOT / "src" / "staanet" / "cli" / "catalogue.json"
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
HEADINGS = {
    "name": "Name",
    "summary": "Description",
    "access": "Access",
    "norms": "Norms",
    "targetable": "Targeted",
    "severities": "Severities 1 to 5",
    "reference": "Source",
    "unit": "Unit",
    "stronger": "Stronger attack or less audible",
    "over": "Mean over clips",
    "licence": "Licence",
}


def table(kind: Kind, columns: str | None = None) -> str:
    """Return the entries of a kind as a Markdown table.

    Args:
        kind: Kind of the entries.
        columns: Names of the columns with commas between them; all that have a heading by default.
    """
    names = columns.split(", ") if columns else HEADINGS
    rows = [{key: value for key, value in row.items() if key in names} for row in entries(kind)]
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


def catalogue() -> str:
    """Return the rows of every kind as the JSON that `staanet list` reads."""
    lists = {kind.value: entries(kind) for kind in Kind}
    lines = {
        kind: ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in found) for kind, found in lists.items()
    }
    return "{" + ",\n".join(f"{json.dumps(kind)}: [\n{found}\n]" for kind, found in lines.items()) + "}\n"


def refreshed(text: str) -> str:
    """Return a document in which every table between markers is up to date."""
    for kind in Kind:
        between = re.compile(rf"(<!-- {kind}(?:: ([\w, ]+))? -->\n).*?(<!-- /{kind} -->)", re.DOTALL)
        text = between.sub(lambda match, kind=kind: f"{match[1]}{table(kind, match[2])}\n{match[3]}", text)
    return text


if __name__ == "__main__":
    CATALOGUE.write_text(catalogue(), encoding="utf-8")
    for path in DOCUMENTS:
        path.write_text(refreshed(path.read_text(encoding="utf-8")), encoding="utf-8")
