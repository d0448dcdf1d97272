"""A run is named by what it does: the hash of the settings that can change its result."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def to_jsonable(value: Any) -> Any:
    """Return settings as what JSON can hold: dataclasses become objects, tuples lists.

    >>> to_jsonable({"b": (1, 2)})
    {'b': [1, 2]}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return to_jsonable({"name": value.name, **fields} if hasattr(value, "name") else fields)
    if isinstance(value, Mapping):
        return {str(key): to_jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(inner) for inner in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} cannot be a setting")


def signature(settings: Any) -> str:
    """Return ten hex digits that change whenever a setting does, whatever the order of the keys.

    >>> signature({"a": 1, "b": 2}) == signature({"b": 2, "a": 1}) != signature({"a": 1, "b": 3})
    True
    """
    text = json.dumps(to_jsonable(settings), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
