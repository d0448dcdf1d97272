"""Published form of a run: all records in a file of JSON lines, and the outcomes of all clips in a Parquet file.

A published study is a folder with `run.json`, `records.jsonl`, `settings.jsonl` and `outcomes.parquet`. Nothing is
rounded, and only optional figures that a record lacks are omitted: what is read from it equals what the run wrote.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra
from staanet.core.files import atomic_write, read_jsonl
from staanet.core.invariants import check_record
from staanet.core.record import FORMAT, Record, Rows
from staanet.core.records import check_hash, outcomes_hash, record_hash
from staanet.core.settings import validated
from staanet.core.signature import signature, to_jsonable

PUBLISHED_RECORDS = "records.jsonl"
"""Name of the file that holds all records of a published study, one per line."""

SETTINGS = "settings.jsonl"
"""Name of the file that holds each group of settings once, such as those of a model, with its signature."""

OUTCOMES = "outcomes.parquet"
"""Name of the file that holds the outcomes of all clips in all records."""

EXTRA = "results"
"""Extra that installs pyarrow."""

RECORD, KEYS = "record", "row_keys"
"""Columns of the Parquet file that no row has: the signature of a row's record, and the number of its set of keys."""

METADATA = b"staanet"
"""Key of the Parquet file's metadata, which lists the sets of keys and the columns that hold JSON."""


def write_published(folder: Path, records: Sequence[Record], outcomes: Mapping[str, Rows]) -> dict[str, str]:
    """Write records and outcomes in their published form, and return the hash of each record by its signature.

    Args:
        folder: Folder that receives the files; others in it are kept.
        records: The records, in the order of the experiment.
        outcomes: The outcomes of each record, by its signature.

    Raises:
        StaanetError: pyarrow is not installed, the folder cannot be written, or a record breaks an invariant.
    """
    for record in records:
        check_record(record, outcomes[record.signature], str(folder))
    hashes = _write_records(folder, records)
    _write_outcomes(folder / OUTCOMES, outcomes)
    return hashes


class PublishedRecords:
    """Records of a published study, each checked against the hash of its outcomes when these are read.

    Args:
        folder: Folder of the study.
        hashes: The hash of each record by its signature.
    """

    def __init__(self, folder: Path, hashes: Mapping[str, str]) -> None:
        self._folder, self._hashes = folder, hashes

    def records(self) -> list[Record]:
        """Return all records, one per fold, in the order of the experiment.

        Raises:
            StaanetError: A file is missing or damaged, the outcomes of a record are not those it was computed from, or
                they break an invariant.
        """
        groups = {line["signature"]: line["settings"] for line in read_jsonl(self._folder / SETTINGS)}
        path = self._folder / PUBLISHED_RECORDS
        lines = read_jsonl(path)
        full = [{**line, "settings": _resolve(line["settings"], groups, path)} for line in lines]
        for number, values in enumerate(full, 1):
            check_hash(values, self._hashes.get(str(values.get("signature"))), f"{path}: line {number}")
        records = [validated(Record, values, f"{path}: line {number}") for number, values in enumerate(full, 1)]
        for record in records:
            rows = self.outcomes(record)
            if outcomes_hash(rows) != record.outcomes_sha256:
                raise StaanetError(
                    f"{self._folder / OUTCOMES}: expected the outcomes from which record {record.signature} was "
                    "computed, got others; publish the run again"
                )
            check_record(record, rows, str(path))
        return records

    def outcomes(self, record: Record) -> Rows:
        """Return the outcomes of one record, clip by clip, in the order in which the run wrote them."""
        return self._outcomes.get(record.signature, [])

    @cached_property
    def _outcomes(self) -> dict[str, Rows]:
        return _read_outcomes(self._folder / OUTCOMES)


def _write_records(folder: Path, records: Iterable[Record]) -> dict[str, str]:
    """Write every record as a line, its groups of settings replaced by references to another file.

    Returns:
        The hash of each record by its signature.
    """
    groups: dict[str, Any] = {}
    lines, hashes = [], {}
    for record in records:
        figures = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
        absent = {field.name for field in dataclasses.fields(record) if field.default is figures[field.name] is None}
        values = to_jsonable({name: value for name, value in figures.items() if name not in absent})
        hashes[record.signature] = record_hash(values)
        for name, group in values["settings"].items():
            if isinstance(group, dict):
                values["settings"][name] = {"signature": signature(group)}
                if groups.setdefault(signature(group), group) != group:
                    raise StaanetError(f"record {record.signature}: two groups of settings share a signature")
        lines.append(values)
    _write_lines(folder / PUBLISHED_RECORDS, lines)
    _write_lines(folder / SETTINGS, ({"signature": key, "settings": group} for key, group in groups.items()))
    return hashes


def _write_lines(path: Path, values: Iterable[Any]) -> None:
    """Write compact JSON, one value per line."""
    text = "".join(json.dumps(value, separators=(",", ":"), allow_nan=False) + "\n" for value in values)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _resolve(settings: Mapping[str, Any], groups: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return settings in which every reference is replaced by the group that it refers to."""
    names = {key: value["signature"] for key, value in settings.items() if isinstance(value, dict)}
    if missing := [name for name in names.values() if name not in groups]:
        raise StaanetError(f"{path}: expected settings {missing[0]} in {SETTINGS}, found none; publish the run again")
    return {key: groups[names[key]] if key in names else value for key, value in settings.items()}


def _write_outcomes(path: Path, outcomes: Mapping[str, Rows]) -> None:
    """Write the rows of all records as one table, with columns for their keys in the order in which they first occur.

    Numbers, texts and lists of whole numbers become columns of these types; a column that holds anything else, such as
    objects or whole and floating-point numbers together, holds JSON.
    """
    arrow, parquet = import_extra("pyarrow", EXTRA), import_extra("pyarrow.parquet", EXTRA)
    rows = [row for own in outcomes.values() for row in own]
    sets = list(dict.fromkeys(tuple(row) for row in rows))
    names = list(dict.fromkeys(name for keys in sets for name in keys))
    if reserved := {RECORD, KEYS} & set(names):
        raise StaanetError(f"outcomes: expected other keys than {RECORD} and {KEYS}, got {min(reserved)}; rename it")
    numbers = {keys: number for number, keys in enumerate(sets)}
    columns = {
        RECORD: arrow.array([name for name, own in outcomes.items() for _ in own], arrow.string()),
        KEYS: arrow.array([numbers[tuple(row)] for row in rows], arrow.int32()),
    }
    as_json = []
    for name in names:
        values = [row.get(name) for row in rows]
        if (kind := _column_type(arrow, values)) is None:
            as_json.append(name)
            values = [None if value is None else json.dumps(value, allow_nan=False) for value in values]
            kind = arrow.string()
        columns[name] = arrow.array(values, kind)
    metadata = {METADATA: json.dumps({"format": FORMAT, "keys": sets, "json": as_json})}
    table = arrow.table(columns).replace_schema_metadata(metadata)
    split = [name for name in names if arrow.types.is_floating(columns[name].type) and not _repeats(columns[name])]
    with atomic_write(path) as temporary:
        parquet.write_table(
            table,
            temporary,
            row_group_size=max(1, len(rows)),
            compression="zstd",
            compression_level=22,
            use_dictionary=[name for name in table.column_names if name not in split],
            use_byte_stream_split=split,
            data_page_size=1 << 24,
            dictionary_pagesize_limit=1 << 24,
            write_statistics=False,
        )


def _column_type(arrow: Any, values: Sequence[Any]) -> Any:
    """Return the Arrow type that holds all values exactly, or None if there is none."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {list} and {type(item) for value in values if value is not None for item in value} <= {int}:
        whole = [item for value in values if value is not None for item in value]
        return arrow.list_(arrow.int64()) if _fit_64_bits(whole) else None
    if kinds == {int} and not _fit_64_bits([value for value in values if value is not None]):
        return None
    types = {int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_(), str: arrow.string()}
    return types.get(kinds.pop()) if len(kinds) == 1 else None


def _fit_64_bits(values: Iterable[int]) -> bool:
    """Return whether all whole numbers fit into 64 bits."""
    return all(-(1 << 63) <= value < 1 << 63 for value in values)


def _repeats(column: Any) -> bool:
    """Return whether values occur twice and more on average, so that a dictionary takes less space."""
    return bool(len(column.unique()) * 2 <= len(column))


def _read_outcomes(path: Path) -> dict[str, Rows]:
    """Return the rows of each record, by its signature."""
    parquet = import_extra("pyarrow.parquet", EXTRA)
    try:
        table = parquet.read_table(path)
        description = json.loads(table.schema.metadata[METADATA])
    except FileNotFoundError:
        raise StaanetError(f"{path}: expected a file, found none; publish the run again") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StaanetError(f"{path}: expected the outcomes of a published study, got {error}") from error
    sets = [tuple(keys) for keys in description["keys"]]
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    for name in description["json"]:
        columns[name] = [None if value is None else json.loads(value) for value in columns[name]]
    rows: dict[str, Rows] = {}
    for place, (record, keys) in enumerate(zip(columns[RECORD], columns[KEYS], strict=True)):
        rows.setdefault(record, []).append({name: columns[name][place] for name in sets[keys]})
    return rows
