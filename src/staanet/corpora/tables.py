"""Tables that describe the clips of a corpus, one row per clip, as separated values, JSON Lines or Parquet."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra
from staanet.core.files import read_jsonl
from staanet.core.parsing import MOST_BYTES
from staanet.corpora.base import Utterance
from staanet.corpora.ratings import UNSPECIFIED, Scale, rated, ratings_of
from staanet.corpora.spelling import clip_id

Row = Mapping[str, Any]

REQUIRED = ("path", "emotion", "speaker")
OPTIONAL = ("gender", "language", "session", "statement", "intensity")
ROW_NAMES = {"label": "emotion"}
"""Name of the column of a field of `Utterance` that is called otherwise."""


class Table(NamedTuple):
    """The path of a table, the names of its columns, and its rows by their number in the file."""

    path: Path
    columns: list[str]
    rows: dict[int, Row]


def read_table(path: Path, names: Mapping[str, str], strict: bool = False) -> Table:
    """Return the content of a table, with the names of its columns in lower case.

    Args:
        path: A .jsonl or .parquet file, or text with one row per line, whose values are separated by commas, semicolons
            or tabs.
        names: New names of columns, by their lower-case name in the file. A column that has a new name already in the
            file is left out if another column gets this name.
        strict: Refuse a table with both a column that is renamed and one that has its new name already, instead of
            leaving one out.

    Raises:
        StaanetError: If the file cannot be read, names a column twice, or has a row with more or fewer values than
            columns.
    """
    if path.suffix == ".jsonl":
        columns, rows = _jsonl(path)
    elif path.suffix == ".parquet":
        columns, rows = _parquet(path)
    else:
        columns, rows = _csv(path)
    lower = {column: column.strip().lower() for column in columns}
    counts = Counter(column.strip().lower() for column in columns)
    if twice := [column for column, count in counts.items() if column and count > 1]:
        raise StaanetError(f"{path}: expected each column once, got {twice[0]!r} twice; remove or rename one")
    if strict and (both := [name for name, new in names.items() if {name, new} <= set(counts)]):
        raise StaanetError(
            f"{path}: expected one of the columns {both[0]} and {names[both[0]]}, got both; remove or rename one"
        )
    replaced = {names[column] for column in counts if names.get(column, column) != column}
    renamed = {column: names.get(name, name) for column, name in lower.items() if name in names or name not in replaced}
    known: dict[int, Row] = {
        line: {renamed[column]: row.get(column) for column in renamed} for line, row in rows.items()
    }
    return Table(path, list(renamed.values()), known)


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


def described(
    table: Table, folder: str = "", dimensions: Sequence[str] = (), scale: Scale = (0.0, 1.0)
) -> list[Utterance]:
    """Return the descriptions of clips that a table contains; lines that repeat another one are left out.

    Args:
        table: A table with the columns path, emotion and speaker, and any of gender, language, session, statement and
            intensity.
        folder: Folder to which the paths in the table are relative, itself relative to the root of the corpus.
        dimensions: Columns with ratings of emotional dimensions; with them, the emotion may be missing.
        scale: Lowest and highest value of the ratings.

    Raises:
        StaanetError: If a required column or a value in one is missing, a rating is none on the scale, or a file is
            described twice in different ways.
    """
    expect(table, (*(column for column in REQUIRED if column != "emotion" or not dimensions), *lower(dimensions)))
    seen: dict[str, Utterance] = {}
    differing: list[str] = []
    for line, row in table.rows.items():
        ratings = ratings_of(row, lower(dimensions), scale, f"{table.path}, line {line}")
        clip = rated(_described(table, line, row, folder, UNSPECIFIED if dimensions else None), ratings)
        if seen.setdefault(clip.path, clip) != clip:
            other = next(name for name, value in asdict(clip).items() if value != getattr(seen[clip.path], name))
            differing.append(
                f"line {line}: expected each file once, got {clip.path} again with the {ROW_NAMES.get(other, other)} "
                f"{getattr(clip, other)!r} after {getattr(seen[clip.path], other)!r}"
            )
    if differing:
        more = f" ({len(differing)} lines are like this)" if len(differing) > 1 else ""
        raise StaanetError(f"{table.path}, {differing[0]}{more}; remove one line")
    return list(seen.values())


def repeated_lines(table: Table) -> list[str]:
    """Return a remark if lines of a table name a file that an earlier line names, else nothing.

    Args:
        table: A table that `described` accepts.
    """
    first: dict[str, int] = {}
    again = [
        (line, path)
        for line, row in table.rows.items()
        if first.setdefault(path := str(PurePath(str(row.get("path")).strip())), line) != line
    ]
    if not again:
        return []
    line, path = again[0]
    return [
        f"{len(again)} lines of {table.path.name} repeat others, such as line {line} ({path}, as line {first[path]}); "
        "each file is used once"
    ]


def lower(names: Sequence[str]) -> tuple[str, ...]:
    """Return names in lower case, as those of columns are."""
    return tuple(name.strip().lower() for name in names)


def _described(table: Table, line: int, row: Row, folder: str, no_emotion: str | None) -> Utterance:
    known = {column: _text(row.get(column)) for column in (*REQUIRED, *OPTIONAL)}
    known["emotion"] = known["emotion"] or no_emotion
    if empty := [column for column in REQUIRED if not known[column]]:
        raise StaanetError(f"{table.path}, line {line}: expected a value for {empty[0]}, found none; add it")
    path = str(PurePath(folder, str(known.pop("path"))))
    if not PurePath(path).name:
        raise StaanetError(f"{table.path}, line {line}: expected the path of a file, got {path!r}; correct it")
    label, speaker = str(known.pop("emotion")), str(known.pop("speaker"))
    return Utterance(clip_id(path), path, label, speaker, **known)


def _text(value: Any) -> str | None:
    """Return a value as text, None if it is missing (None, empty or NaN)."""
    return None if value is None or value != value else str(value).strip() or None


def _csv(path: Path) -> tuple[list[str], dict[int, Row]]:
    """Return the columns of a table of separated values, and its rows by the number of their first line."""
    text = _decoded(path)
    header = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    columns: list[str] = []
    rows: dict[int, Row] = {}
    line = 1
    try:
        for values in reader:
            if columns and any(map(str.strip, values)):
                rows[line] = _row(path, line, columns, values)
            elif any(map(str.strip, values)):
                columns = values
            line = reader.line_num + 1
    except csv.Error as error:
        raise StaanetError(f"{path}, line {line}: expected separated values, got {error}; correct its quotes") from None
    return columns, rows


def _row(path: Path, line: int, columns: Sequence[str], values: Sequence[str]) -> Row:
    if len(values) != len(columns):
        raise StaanetError(
            f"{path}, line {line}: expected {len(columns)} values, one for each column, got {len(values)}; "
            "put values that contain a separator in double quotes"
        )
    return dict(zip(columns, values, strict=True))


def _decoded(path: Path) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 if it begins with the mark of UTF-16."""
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise StaanetError(f"{path}: expected a table of at most {MOST_BYTES} bytes, got {size}")
        content = path.read_bytes()
    except OSError as error:
        raise StaanetError(f"{path}: expected a table that can be read, got {error.strerror}") from error
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise StaanetError(f"{path}: expected UTF-8, got {error}; save the table as UTF-8") from None
    if "\0" in text:
        raise StaanetError(f"{path}: expected UTF-8, got zero bytes; save the table as UTF-8")
    return text


def _jsonl(path: Path) -> tuple[list[str], dict[int, Row]]:
    rows = dict(enumerate(read_jsonl(path), start=1))
    for line, row in rows.items():
        if not isinstance(row, dict):
            raise StaanetError(f"{path}, line {line}: expected an object with a key per column, got {row!r}")
    return list(dict.fromkeys(column for row in rows.values() for column in row)), rows


def _parquet(path: Path) -> tuple[list[str], dict[int, Row]]:
    parquet, broken = import_extra("pyarrow.parquet", "audformat"), import_extra("pyarrow", "audformat").ArrowException
    try:
        table = parquet.read_table(path)
    except (broken, OSError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StaanetError(f"{path}: expected Parquet, got {text}; make the file again") from error
    return table.column_names, dict(enumerate(table.to_pylist(), start=1))
