"""The reference table as Markdown, as JSON and as one HTML file."""

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from reference_table.attacks import read_attacks
from reference_table.entries import grouped, read_entries
from reference_table.tables import NO_BREAK, Row, Table, of_attacks, of_models
from staanet.core.markup import markdown
from staanet.report.templates import TEMPLATES, page

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parents[1] / "results"

LEAD = (
    "Models by robust UAR and attacks by success, at fixed budgets. Every number is computed from files in this "
    "repository, which the last column of its row names."
)

READING = (
    "Only models in one table can be compared: they have the same clips, and the same attacks with as many steps. A "
    "figure under attack is an upper bound, since a stronger attack may leave less.",
    "A model is *measured here* if this project attacked it. Figures that somebody else submitted are *unverified* "
    "until the weights were attacked again here, with another seed, and every figure lay within the submitted "
    "interval; then they are *verified*.",
)

LINKS = (
    "[All digits, and everything that each row was made from](reference.json). [How to submit a "
    "model](submissions/README.md). Written by `python tools/reference_table`."
)


class Page:
    """The reference table.

    Args:
        results: Folder of the results.
    """

    title = "Reference table"

    def __init__(self, results: Path = RESULTS) -> None:
        self.models = [of_models(group) for group in grouped(read_entries(results))]
        self.attacks = of_attacks(read_attacks(results))

    @property
    def parts(self) -> list[tuple[str, Sequence[Table], str]]:
        """The parts of the page: heading, tables, and what stands there if there are none."""
        return [
            ("Models by robust UAR", self.models, "No evaluation of a model is in this repository yet."),
            ("Attacks by success", self.attacks, ""),
        ]

    def markdown(self) -> str:
        """Return the page in Markdown."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"# {self.title}\n"
        yield from (f"{_filled(text)}\n" for text in (LEAD, LINKS))
        for heading, tables, otherwise in self.parts:
            yield f"## {heading}\n"
            for table in tables:
                yield from _table(table)
            if not tables:
                yield f"{otherwise}\n"
        yield "## How to read it\n"
        yield "\n\n".join(map(_filled, READING)) + "\n"

    def json(self) -> str:
        """Return the values of all cells, and what each was made from, as JSON."""
        found = {
            part: [
                {
                    "heading": table.heading,
                    "caption": table.caption,
                    "rows": [{"name": row.name, **row.values, "origin": asdict(row.origin)} for row in table.rows],
                }
                for table in tables
            ]
            for part, tables in (("models", self.models), ("attacks", self.attacks))
        }
        return json.dumps(found, indent=1, ensure_ascii=False) + "\n"

    def html(self) -> str:
        """Return the page as the text of one HTML file that loads nothing."""
        template = TEMPLATES.from_string((HERE / "page.html.j2").read_text(encoding="utf-8"))
        return page(
            template,
            styles=("page.css",),
            scripts=(),
            rules=(HERE / "page.css").read_text(encoding="utf-8"),
            title=self.title,
            lead=LEAD,
            reading=[text.replace("*", "") for text in READING],
            parts=self.parts,
            unbroken=unbroken,
        )


def unbroken(text: str) -> str:
    """Return a text in which numbers stay with their unit."""
    return re.sub(r"(\d) (dB|%)", rf"\1{NO_BREAK}\2", text)


def _table(table: Table) -> Iterator[str]:
    yield f"### {markdown(table.heading)}\n"
    yield f"{_filled(markdown(table.caption))}\n"
    rule = ["---"] * table.words + ["---:"] * (len(table.heads) - table.words) + ["---"]
    for cells in ([*map(unbroken, table.heads), "made from"], rule, *(_cells(table, row) for row in table.rows)):
        yield f"| {' | '.join(cells)} |"
    yield ""
    made = (f"<sup>{number}</sup> {markdown(text)}." for number, text in enumerate(table.origins, 1))
    yield from (_filled(f"- {text}", indent="  ") for text in (*map(markdown, table.notes), *made))
    yield ""


def _cells(table: Table, row: Row) -> list[str]:
    files = row.origin.files
    more = len(row.origin.records) - 1
    first = f"[`{row.origin.records[0]}`]({files[0].removeprefix('results/')}){f' and {more} more' if more else ''}"
    made = f"{first} <sup>{table.origins.index(row.origin.made_with) + 1}</sup>"
    return [markdown(row.name), *map(markdown, row.cells), made]


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
