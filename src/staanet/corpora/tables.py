"""Tables that describe the clips of a corpus, one row per clip, as CSV, JSON Lines or Parquet."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra
from staanet.core.files import read_jsonl
from staanet.corpora.base import Utterance

Row = Mapping[str, Any]

REQUIRED = ("path", "emotion", "speaker")
OPTIONAL = ("gender", "language", "session", "statement", "intensity")


class Table(NamedTuple):
    """The path of a table, the names of its columns, and its rows by their number in the file."""

    path: Path
    columns: list[str]
    rows: dict[int, Row]


def read_table(path: Path, names: Mapping[str, str]) -> Table:
    """Return the content of a table, with the names of its columns in lower case.

    Args:
        path: A .csv, .jsonl or .parquet file.
        names: New names of columns, by their lower-case name in the file.

    Raises:
        StaanetError: If the file cannot be read.
    """
    if path.suffix == ".jsonl":
        columns, rows = _jsonl(path)
    elif path.suffix == ".parquet":
        columns, rows = _parquet(path)
    else:
        columns, rows = _csv(path)
    lower = {column: column.strip().lower() for column in columns}
    renamed = {column: names.get(lower[column], lower[column]) for column in columns}
    known = [{renamed[column]: value for column, value in row.items() if column in renamed} for row in rows]
    return Table(
        path, list(renamed.values()), dict(enumerate(known, start=1 if path.suffix in (".jsonl", ".parquet") else 2))
    )


def expect(table: Table, columns: Sequence[str]) -> None:
    """Check that a table has the given columns.

    Raises:
        StaanetError: If it lacks one.
    """
    for column in columns:
        if column not in table.columns:
            raise StaanetError(
                f"{table.path}: expected the columns {', '.join(columns)}; found no {column!r} in "
                f"{', '.join(table.columns) or 'an empty file'}; add it to the first line"
            )


def described(table: Table, folder: str = "") -> list[Utterance]:
    """Return the descriptions of clips that a table contains.

    Args:
        table: A table with the columns path, emotion and speaker, and any of gender, language, session, statement and
            intensity.
        folder: Folder to which the paths in the table are relative, itself relative to the root of the corpus.

    Raises:
        StaanetError: If a required column or a value in one is missing, or if a file is described twice.
    """
    expect(table, REQUIRED)
    seen: dict[str, Utterance] = {}
    for line, row in table.rows.items():
        known = {column: _text(row.get(column)) for column in (*REQUIRED, *OPTIONAL)}
        if empty := [column for column in REQUIRED if not known[column]]:
            raise StaanetError(f"{table.path}, line {line}: expected a value for {empty[0]}, found none; add it")
        path = str(PurePath(folder, str(known.pop("path"))))
        if path in seen:
            raise StaanetError(f"{table.path}, line {line}: expected each file once, got {path} again; remove one line")
        label, speaker = str(known.pop("emotion")), str(known.pop("speaker"))
        seen[path] = Utterance(str(PurePath(path).with_suffix("")), path, label, speaker, **known)
    return list(seen.values())


def _text(value: Any) -> str | None:
    return None if value is None else str(value).strip() or None


def _csv(path: Path) -> tuple[list[str], list[Row]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StaanetError(f"{path}: expected UTF-8, got {error}; save the table as UTF-8") from None
    reader = csv.DictReader(io.StringIO(text))
    return list(reader.fieldnames or ()), list(reader)


def _jsonl(path: Path) -> tuple[list[str], list[Row]]:
    rows = read_jsonl(path)
    for line, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise StaanetError(f"{path}, line {line}: expected an object with a key per column, got {row!r}")
    return list(dict.fromkeys(column for row in rows for column in row)), rows


def _parquet(path: Path) -> tuple[list[str], list[Row]]:
    parquet, broken = import_extra("pyarrow.parquet", "audformat"), import_extra("pyarrow", "audformat").ArrowException
    try:
        table = parquet.read_table(path)
    except (broken, OSError) as error:
        raise StaanetError(f"{path}: expected Parquet, got {error}; make the file again") from error
    return table.column_names, table.to_pylist()
