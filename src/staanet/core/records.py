"""Files of records: the result of each attack on each model, and the outcomes of all clips."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from staanet.core import checksums
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, read_jsonl, write_json, write_jsonl
from staanet.core.invariants import check_record
from staanet.core.record import FORMAT as FORMAT
from staanet.core.record import NO_SOURCE as NO_SOURCE
from staanet.core.record import PROVENANCE as PROVENANCE
from staanet.core.record import Interval as Interval
from staanet.core.record import Record as Record
from staanet.core.record import Rows as Rows
from staanet.core.settings import validated


def record_path(folder: Path, record_signature: str, source: str, target: str, attack: str) -> Path:
    """Return the path of the record of an attack, a source model and a target model."""
    return folder / f"{attack}-{source}-{target}-{record_signature}.json"


def write(folder: Path, record: Record, outcomes: list[dict[str, Any]]) -> Path:
    """Write a record and the outcomes of its clips, and return the record's path.

    The record is written last and holds the hash of the outcomes, so that an interrupted run leaves no record without
    its outcomes.

    Raises:
        StaanetError: The record or its outcomes break an invariant (`staanet.core.invariants`).
    """
    check_record(record, outcomes, str(folder))
    path = record_path(folder, record.signature, record.source, record.target, record.attack)
    write_jsonl(path.with_suffix(".jsonl"), outcomes)
    write_json(path, dataclasses.asdict(dataclasses.replace(record, outcomes_sha256=outcomes_hash(outcomes))))
    checksums.add(folder, [path, path.with_suffix(".jsonl")])
    return path


def outcomes_hash(outcomes: Iterable[dict[str, Any]]) -> str:
    """Return the SHA-256 of per-clip outcomes.

    It is computed from the rows and not from the bytes of a file, so that outcomes keep their hash whatever the format
    of the file that holds them and whatever the order of the keys.

    >>> outcomes_hash([{"id": "a", "label": 1}]) == outcomes_hash([{"label": 1, "id": "a"}])
    True
    """
    digest = hashlib.sha256()
    for row in outcomes:
        digest.update(json.dumps(row, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n")
    return digest.hexdigest()


def record_hash(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the content of a record, whatever the format of the file that holds it."""
    return outcomes_hash([dict(values)])


def check_hash(values: Any, expected: str | None, where: str) -> None:
    """Check the content of a record against the hash that the run holds of it.

    Args:
        values: Content of the record, as it was read.
        expected: The hash; None if the run holds none.
        where: The file, with which the error message begins.

    Raises:
        StaanetError: The record was changed after the run.
    """
    if expected is not None and isinstance(values, dict) and record_hash(values) != expected:
        raise StaanetError(
            f"{where}: expected the record as the run wrote it, got one that was changed afterwards; run the "
            "experiment again, which makes the record again"
        )


def read(path: Path) -> Record:
    """Read a record and check its outcomes.

    Raises:
        StaanetError: The file is not a record, the outcomes do not match the hash in the record, or they break an
            invariant.
    """
    return read_with_outcomes(path)[0]


def read_with_outcomes(path: Path, expected: str | None = None) -> tuple[Record, list[dict[str, Any]]]:
    """Read a record and the outcomes of its clips.

    Args:
        path: File of the record.
        expected: The hash that the run holds of the record; None to leave it unchecked.

    Raises:
        StaanetError: The file is not a record, the outcomes do not match the hash in the record, or they break an
            invariant.
    """
    values = read_json(path)
    check_hash(values, expected, str(path))
    record = validated(Record, values, str(path))
    file = path.with_suffix(".jsonl")
    problem = StaanetError(
        f"{file}: expected the outcomes from which {path.name} was computed, got others; run again with --fresh"
    )
    try:
        outcomes = read_outcomes(path)
    except StaanetError:
        raise problem from None
    if outcomes_hash(outcomes) != record.outcomes_sha256:
        raise problem
    check_record(record, outcomes, str(path))
    return record, outcomes


def read_outcomes(path: Path) -> list[dict[str, Any]]:
    """Read the per-clip outcomes that belong to the record at `path`."""
    return read_jsonl(path.with_suffix(".jsonl"))
