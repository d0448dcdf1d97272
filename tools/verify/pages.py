"""Checks of the tables of a study."""

from collections.abc import Callable
from pathlib import Path

from verify import (
    rows_by_gender,
    rows_of_defences,
    rows_of_distances,
    rows_of_pairs,
    rows_of_publications,
    rows_of_records,
)
from verify.captions import check_caption
from verify.cases import Case, cases_of
from verify.checks import Checks
from verify.rows_of_records import lead_of
from verify.study import Study
from verify.tables import Expected, Table, check_rows, tables_in

Rows = Callable[[Study, list[Case], Table], list[Expected]]

TABLES: dict[str, Rows] = {
    "robustness": rows_of_records.robustness,
    "headline": rows_of_records.headline,
    "transfer": rows_of_records.transfer,
    "models": rows_of_records.models,
    "perception": rows_of_records.perception,
    "defences": rows_of_defences.defences,
    "comparisons": rows_of_pairs.comparisons,
    "pairwise": rows_of_pairs.pairwise,
    "gender": rows_by_gender.gender,
    "between_genders": rows_by_gender.between_genders,
    "domains": rows_of_distances.domains,
    "equal_distortion": rows_of_distances.equal_distortion,
    "published": rows_of_publications.published,
}
"""The rows that each table should have, by the name of its file."""

BY_FOLD = "by fold"
"""How the headings of columns with intervals by fold end."""


def check_tables(study: Study, checks: Checks) -> None:
    """Compare every cell of every table of a study with what the outcomes give."""
    cases = cases_of(study)
    for name in sorted(_required(study, cases)):
        present = (study.folder / "tables" / f"{name}.md").is_file()
        checks.invariant(f"tables/{name}.md", "the study has such results and no table", holds=present)
    for path in sorted((study.folder / "tables").glob("*.md")):
        if path.stem != "listening":
            check_table(study, checks, path)


def check_table(study: Study, checks: Checks, path: Path) -> None:
    """Compare every cell of a table, and the numbers in its caption, with what the outcomes give."""
    place, cases = f"tables/{path.name}", cases_of(study)
    if path.stem not in TABLES:
        checks.could_not(place)
        return
    for table in tables_in(path.read_text(encoding="utf-8")):
        rows = TABLES[path.stem](study, cases, table)
        check_rows(checks, place, table, rows)
        by_fold = any(row.values[name].bounds for row in rows for name in row.values if name.endswith(BY_FOLD))
        shown = any(heading.endswith(BY_FOLD) for heading in table.headings)
        checks.invariant(
            place, "it has intervals by fold and no column for them, or the other way", holds=by_fold == shown
        )
        check_caption(checks, place, table, cases)


def _required(study: Study, cases: list[Case]) -> set[str]:
    """Return the names of the tables that a study must have."""
    empty, layout = Table("", [], []), study.layout
    always = ("robustness", "transfer", "models", "perception", "defences", "comparisons")
    names = {name for name in always if TABLES[name](study, cases, empty)}
    names |= {"headline"} if (lead := lead_of(study, cases)) and lead.pooled else set()
    asked = {
        "gender": "by_gender",
        "pairwise": "pairwise",
        "published": "published",
        "equal_distortion": "equal_distortion",
    }
    return names | {name for name, setting in asked.items() if layout[setting]}
