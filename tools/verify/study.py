"""A published study as it is stored, read with pyarrow and the JSON module only."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

Row = dict[str, Any]


class Record(dict[str, Any]):
    """A record as it is stored; an optional figure that it lacks is None."""

    def __missing__(self, _: str) -> None:
        return None


FORMAT = 3
"""Format of published studies that this package reads."""


@dataclass(frozen=True)
class Study:
    """The files of a published study.

    Args:
        folder: Folder of the study.
        layout: Content of `run.json`.
        records: The records, one per fold, as they are stored.
        settings: Each group of settings by its signature.
        rows: The outcomes of each record, a dictionary per clip, by the signature of the record.
        memory: What was computed from them, so that it is computed once.
    """

    folder: Path
    layout: dict[str, Any]
    records: list[Record]
    settings: dict[str, Any]
    rows: dict[str, list[Row]]
    memory: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Study":
        """Read a study."""
        settings = {line["signature"]: line["settings"] for line in _lines(folder / "settings.jsonl")}
        return cls(
            folder=folder,
            layout=json.loads((folder / "run.json").read_text(encoding="utf-8")),
            records=[Record(line) for line in _lines(folder / "records.jsonl")],
            settings=settings,
            rows=_outcomes(folder / "outcomes.parquet"),
        )

    def settings_of(self, record: dict[str, Any], name: str) -> dict[str, Any]:
        """Return a group of settings of a record, such as those of its attack; empty if it has none."""
        group = record["settings"].get(name)
        return self.settings.get(group["signature"], {}) if isinstance(group, dict) else {}


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _outcomes(path: Path) -> dict[str, list[Row]]:
    table = parquet.read_table(path)
    described = json.loads(table.schema.metadata[b"staanet"])
    values = {name: table.column(name).to_pylist() for name in table.column_names}
    for name in described["json"]:
        values[name] = [text if text is None else json.loads(text) for text in values[name]]
    rows: dict[str, list[Row]] = {}
    for index, (record, keys) in enumerate(zip(values["record"], values["row_keys"], strict=True)):
        rows.setdefault(record, []).append({name: values[name][index] for name in described["keys"][keys]})
    return rows


def digest_of_rows(rows: list[Row]) -> str:
    """Return the SHA-256 of outcomes: of one line of compact JSON per clip, with the keys in alphabetical order."""
    text = "".join(json.dumps(row, sort_keys=True, separators=(",", ":")) + "\n" for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()


def short_digest(value: Any) -> str:
    """Return the first ten digits of the SHA-256 of a value as compact JSON, by which settings are named."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:10]
