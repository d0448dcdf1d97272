"""Compare every published figure of two trees of results: `python tools/compare_figures.py OLD NEW`.

OLD has the form of staanet 0.1: records and outcomes as JSON files, tables as CSV. NEW has the present form. Every
field of every record and every value of every outcome must be equal in both, and so must every cell of the tables that
are computed anew from NEW's records and outcomes. Names that changed between the versions are listed below; nothing
else may differ, not even in the last digit. The script prints the number of figures compared and exits with 1 on a
difference.
"""

import csv
import dataclasses
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.files import read_json, read_jsonl
from staanet.core.run import Run
from staanet.core.settings import validated
from staanet.core.signature import to_jsonable
from staanet.report.listening.results import COUNTS, Counts
from staanet.report.results import Results
from staanet.report.sections import sections_of
from staanet.report.tables import ALL_FIELDS, comma_separated

TABLES = {"victims": "models", "pairs": "pairwise", "matched": "equal_distortion"}
FIELDS = {"part": "subset", "comb_share_victim": "comb_share_model", "victim": "model"}
FLAGS = {"chance_victim": "chance_model"}
LABELS_FROM = {"truth": "true_labels"}
SETTINGS = {"store": "dataset"}
TEXTS = {"nothing that was run here": "not part of this run"}
"""Old and new names of tables, fields and columns, flags, values of `labels_from`, settings, and texts in tables."""

HASHES = {"outcomes_sha256"}
"""Fields that are not compared: the hash is now computed from rows instead of bytes, and rows are compared directly."""

SHOWN = 10
"""Number of differences that are printed."""

NUMBER = re.compile(r"[−-]?\d+(?:\.\d+)?")
MISSING = object()


@dataclass
class Comparison:
    """Numbers of figures that were compared, by kind, and the differences that were found."""

    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def check(self, kind: str, place: str, old: Any, new: Any) -> None:
        """Compare two values, element by element; 1 and 1.0 differ."""
        if isinstance(old, dict) and isinstance(new, dict):
            for key in {**old, **new}:
                self.check(kind, f"{place}: {key}", old.get(key, MISSING), new.get(key, MISSING))
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            for number, (first, second) in enumerate(zip(old, new, strict=True)):
                self.check(kind, f"{place}[{number}]", first, second)
        else:
            self.counts[kind] += 1
            if type(old) is not type(new) or old != new:
                self.differences.append(f"{place}: expected {_shown(old)}, got {_shown(new)}")


def compare_trees(old: Path, new: Path) -> Comparison:
    """Compare all studies of two trees of results, and the tables of the pages beside them.

    Args:
        old: Folder with the results in the form of staanet 0.1.
        new: Folder with the results in the present form.
    """
    comparison = Comparison()
    studies = sorted(path.name for path in old.iterdir() if (path / "records").is_dir())
    published = sorted(path.parent.name for path in new.glob("*/records.jsonl"))
    comparison.check("studies", "studies", studies, published)
    for study in (name for name in studies if name in published):
        compare_studies(old / study, new / study, comparison)
    return comparison


def compare_studies(old: Path, new: Path, comparison: Comparison) -> None:
    """Compare a study of both trees and add what was compared to `comparison`."""
    try:
        results = Results.read(Run(new))
    except StaanetError as error:
        comparison.differences.append(f"{new.name}: {error}")
        return
    compare_records(old, results, comparison)
    compare_tables(old, results, comparison)
    for page in [old / "README.md", *sorted((old / "tables").glob("*.md"))]:
        place = new / "README.md" if page.name == "README.md" else new / "tables" / f"{_table(page)}.md"
        name = f"{new.name}/{place.relative_to(new)}"
        compare_pages(page, place, comparison, name)


def compare_records(old: Path, results: Results, comparison: Comparison) -> None:
    """Compare every field of every record and every value of every outcome."""
    records = {record.signature: record for record in results.parts}
    paths = sorted((old / "records").glob("*.json"))
    comparison.check("records", f"{old.name}: number of records", len(paths), len(records))
    for path in paths:
        expected = renamed_record(read_json(path))
        place = f"{old.name}: record {expected['signature']}"
        if expected["signature"] not in records:
            comparison.differences.append(f"{place}: missing")
            continue
        record = records[expected["signature"]]
        fields = to_jsonable({entry.name: getattr(record, entry.name) for entry in dataclasses.fields(record)})
        written = {name: value for name, value in fields.items() if name in expected or value is not None}
        defaults = {"subset": "test", "domain": "waveform"}
        unhashed = [{k: v for k, v in own.items() if k not in HASHES} for own in ({**defaults, **expected}, written)]
        comparison.check("fields of records", place, *unhashed)
        rows = read_jsonl(path.with_suffix(".jsonl"))
        comparison.check("values of outcomes", f"{place}: outcomes", rows, results.outcomes(record))


def compare_tables(old: Path, results: Results, comparison: Comparison) -> None:
    """Compare every cell of the old tables with tables computed from the new records and outcomes."""
    computed = {section.table.label: comma_separated(section.rows, section.fields) for section in sections_of(results)}
    computed["records"] = comma_separated(results.records, ALL_FIELDS)
    if (results.run.folder / COUNTS).is_file():
        counts = validated(Counts, read_json(results.run.folder / COUNTS), COUNTS)
        names = [entry.name for entry in dataclasses.fields(counts.rows[0])]
        computed["listening"] = comma_separated(counts.rows, names)
    published = {_table(path): path for path in sorted((old / "tables").glob("*.csv"))}
    comparison.check("tables", f"{old.name}: tables", sorted(published), sorted(computed))
    for label in published.keys() & computed.keys():
        before = [_renamed_line(line) for line in _lines(published[label].read_text(encoding="utf-8"))]
        after = [_parsed_line(line) for line in _lines(computed[label])]
        if before and len(before) == len(after):
            after = [_without_added(line, set(old_line)) for line, old_line in zip(after, before, strict=True)]
        comparison.check("cells of tables", f"{old.name}: table {label}", before, after)


def compare_pages(old: Path, new: Path, comparison: Comparison, name: str) -> None:
    """Compare the numbers in the tables of two Markdown files, row by row and whatever the order of the rows."""
    if not new.is_file():
        comparison.differences.append(f"{name}: missing")
        return
    before, after = (Counter(_numbers(path.read_text(encoding="utf-8"))) for path in (old, new))
    comparison.counts["numbers in Markdown tables"] += sum(len(row) * count for row, count in before.items())
    for title, extra in (("not in the new page", before - after), ("not in the old page", after - before)):
        comparison.differences += [f"{name}: row with {' '.join(row)} is {title}" for row in extra]


def renamed_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return an old record, as its JSON file holds it, with the present names."""
    values = {FIELDS.get(name, name): value for name, value in record.items()}
    values["flags"] = [FLAGS.get(flag, flag) for flag in values["flags"]]
    values["labels_from"] = LABELS_FROM.get(values["labels_from"], values["labels_from"])
    values["notes"] = {FIELDS.get(name, name): note for name, note in values["notes"].items()}
    return {**values, "settings": renamed_settings(values["settings"])}


def renamed_settings(settings: Any) -> Any:
    """Return old settings with the present names of keys, and of the values of `labels_from`."""
    if isinstance(settings, list):
        return [renamed_settings(value) for value in settings]
    if not isinstance(settings, dict):
        return settings
    renamed = {SETTINGS.get(key, key): renamed_settings(value) for key, value in settings.items()}
    if "labels_from" in renamed:
        renamed["labels_from"] = LABELS_FROM.get(renamed["labels_from"], renamed["labels_from"])
    return renamed


def _table(path: Path) -> str:
    """Return the present name of the table in a file."""
    return TABLES.get(path.stem, path.stem)


def _lines(text: str) -> Iterator[dict[str, str]]:
    """Return the lines of CSV, whose cells may be as long as a record's settings."""
    csv.field_size_limit(sys.maxsize)
    return csv.DictReader(io.StringIO(text))


def _renamed_line(line: Mapping[str, str]) -> dict[str, Any]:
    """Return a line of an old table with the present names."""
    values = {FIELDS.get(name, name): value for name, value in _parsed_line(line).items()}
    for name, value in values.items():
        if name == "settings":
            values[name] = renamed_settings(value)
        elif name == "notes":
            values[name] = {FIELDS.get(key, key): note for key, note in value.items()}
        elif name == "flags":
            values[name] = [FLAGS.get(flag, flag) for flag in value]
        elif name == "labels_from":
            values[name] = LABELS_FROM.get(value, value)
        elif isinstance(value, str):
            values[name] = TEXTS.get(value, value)
    return values


def _parsed_line(line: Mapping[str, str]) -> dict[str, Any]:
    """Return a line of a table with its lists and objects parsed; numbers stay as they are written."""
    return {
        name: json.loads(value, parse_float=str, parse_int=str) if value[:1] in ("[", "{") else value
        for name, value in line.items()
        if name not in HASHES
    }


def _without_added(line: Mapping[str, Any], columns: set[str]) -> dict[str, Any]:
    """Return a line without the fields that were added after the old table was published, and without their notes."""
    kept = {name: value for name, value in line.items() if name in columns}
    if isinstance(kept.get("notes"), dict):
        kept["notes"] = {name: note for name, note in kept["notes"].items() if name in columns}
    return kept


def _numbers(text: str) -> Iterable[tuple[str, ...]]:
    """Return the numbers of each table row in a Markdown text; rows without any are skipped."""
    rows = (tuple(NUMBER.findall(line)) for line in text.splitlines() if line.startswith("|"))
    return [row for row in rows if row]


def _shown(value: Any) -> str:
    return "nothing" if value is MISSING else repr(value)[:80]


def main(arguments: Sequence[str]) -> int:
    """Print what was compared and the first differences, and return the exit status."""
    if len(arguments) != 2:
        print(__doc__)
        return 2
    comparison = compare_trees(*map(Path, arguments))
    counts = ", ".join(f"{count} {kind}" for kind, count in comparison.counts.items())
    print(f"{sum(comparison.counts.values())} figures compared: {counts}")
    for difference in comparison.differences[:SHOWN]:
        print(f"DIFFERENT {difference}")
    print(f"{len(comparison.differences)} differences")
    return 1 if comparison.differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
