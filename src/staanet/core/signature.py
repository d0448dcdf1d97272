"""Signatures: short hashes of settings, which name the folders of models, generators, adversarial sets and records."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from staanet.core.version import NUMERICS

LATER: Mapping[str, bool] = {"later": True}
"""Metadata of a field that was added to published settings. It is left out while it has its default, which must mean
what held before, so that the signatures of earlier results stay as they are."""


def to_jsonable(value: Any) -> Any:
    """Return settings as values that JSON can hold: dataclasses and mappings become objects, tuples become lists.

    A dataclass with a class attribute `name` (an attack or a corpus) keeps that name next to its fields. Fields that
    were added later (`LATER`) appear only if they differ from their default.

    Raises:
        TypeError: If a value is of a type that no setting has, such as an array or an open file.

    >>> to_jsonable({"b": (1, 2)})
    {'b': [1, 2]}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        later = [field for field in dataclasses.fields(value) if field.metadata.get("later")]
        for field in later:
            if fields[field.name] == field.default:
                del fields[field.name]
        return to_jsonable({"name": value.name, **fields} if hasattr(value, "name") else fields)
    if isinstance(value, Mapping):
        return {str(key): to_jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(inner) for inner in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} cannot be a setting")


def signature(settings: Any) -> str:
    """Return a hash of ten hexadecimal digits, which changes with every setting but not with the order of the keys.

    >>> signature({"a": 1, "b": 2}) == signature({"b": 2, "a": 1}) != signature({"a": 1, "b": 3})
    True
    """
    text = json.dumps(to_jsonable(settings), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def signature_of(settings: Mapping[str, Any]) -> str:
    """Return the hash of the settings of a result and of the version of the numbers, which a release leaves as it is.

    >>> signature_of({"seed": 1}) == signature({"seed": 1})
    False
    """
    return signature({"numerics": NUMERICS, **settings})


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
