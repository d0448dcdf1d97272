"""Validation of settings: TOML files and keyword arguments become dataclasses, and unknown keys are refused."""

import dataclasses
import functools
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from staanet.core.errors import StaanetError, unknown_name

T = TypeVar("T")


def validated(schema: type[T], values: Mapping[str, Any], where: str) -> T:
    """Return `values` as an instance of the dataclass `schema`.

    Args:
        schema: The dataclass, whose fields may be dataclasses themselves.
        values: Value of each field by its name.
        where: Where the values come from, such as a file; error messages begin with it.

    Raises:
        StaanetError: If a key is unknown (the message suggests the most similar one) or a value has another type.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Loop: epochs: int = 3
    >>> validated(Loop, {"epoch": 2}, "loop.toml")
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: loop.toml: expected a key from epochs; got 'epoch'; did you mean 'epochs'?
    """
    if not isinstance(values, Mapping):
        raise StaanetError(f"{where}: expected a table of settings, got {type(values).__name__}")
    _check_keys(schema, values, where)
    try:
        valid: T = _adapter(schema).validate_python(dict(values))  # type: ignore[arg-type]
        return valid
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part != schema.__name__ and "[" not in str(part))
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, StaanetError):
            raise StaanetError(f"{where}: {key + ': ' if key else ''}{cause}") from None
        if first["type"] == "missing":
            raise StaanetError(f"{where}: expected the key {key!r}, found none; add it") from None
        raise StaanetError(f"{where}: {key or 'settings'}: {first['msg']}, got {first['input']!r}") from None


@functools.cache
def _adapter(schema: Any) -> Any:
    """Return pydantic's validator of a dataclass, which takes longer to build than to use."""
    return TypeAdapter(schema)


def _check_keys(schema: Any, values: Any, where: str) -> None:
    """Raise an error if a key is not a field of the dataclass or of a dataclass inside it."""
    if typing.get_origin(schema) is dict and isinstance(values, Mapping):
        for key, value in values.items():
            _check_keys(typing.get_args(schema)[1], value, f"{where}: {key}")
    if not dataclasses.is_dataclass(schema) or not isinstance(values, Mapping):
        return
    hints = typing.get_type_hints(schema)
    known = {field.name: hints[field.name] for field in dataclasses.fields(schema) if field.init}
    for key, value in values.items():
        if key not in known:
            raise StaanetError(f"{where}: {unknown_name('key', key, known)}")
        _check_keys(known[key], value, f"{where}: {key}" if isinstance(value, Mapping) else where)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        StaanetError: If the file does not exist, cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StaanetError(f"{path}: expected a TOML file, found none") from None
    except OSError as error:
        raise StaanetError(f"{path}: expected a TOML file that can be read, got {error.strerror}") from error
    except ValueError as error:
        raise StaanetError(f"{path}: expected TOML, got {error}") from error


def from_preset(schema: type[T], presets: Mapping[str, T], values: str | Mapping[str, Any], where: str) -> T:
    """Return a preset, with changes to some of its fields if there are any.

    Args:
        schema: The dataclass of the presets.
        presets: Presets by name; one is called `default`.
        values: The name of a preset, or a table of changed fields whose key `preset` names the preset that they change
            (default: `default`).
        where: Where the values come from, such as a file; error messages begin with it.

    Raises:
        StaanetError: If the preset, a key or a value is not valid.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Loop: epochs: int = 3
    >>> from_preset(Loop, {"default": Loop(), "paper": Loop(30)}, {"preset": "paper", "epochs": 2}, "loop")
    Loop(epochs=2)
    """
    changes = {"preset": values} if isinstance(values, str) else dict(values)
    name = changes.pop("preset", "default")
    if name not in presets:
        raise StaanetError(f"{where}: {unknown_name('preset', name, presets)}")
    _check_keys(schema, changes, where)
    return validated(schema, _merged(presets[name], changes), where)


def with_preset(presets: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return settings completed by those of a preset; settings that are given explicitly take precedence.

    Args:
        presets: Settings by the name of their preset.
        values: Settings, in which the key `preset` names the preset, if any.
        where: Where the values come from, such as a file; error messages begin with it.

    Raises:
        StaanetError: If the preset is unknown.

    >>> with_preset({"paper": {"epochs": 30, "rate": 1}}, {"preset": "paper", "rate": 2}, "loop")
    {'epochs': 30, 'rate': 2}
    """
    settings = dict(values)
    name = settings.pop("preset", None)
    if name is None:
        return settings
    if name not in presets:
        raise StaanetError(f"{where}: {unknown_name('preset', str(name), presets)}")
    return {**presets[name], **settings}


def _merged(base: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `base`, updated by `changes`; inner dataclasses are updated field by field.

    A change to one of the fields that a dataclass lists in `alternatives` resets the others.
    """
    fields = {field.name: getattr(base, field.name) for field in dataclasses.fields(base)}
    alternatives = getattr(base, "alternatives", ())
    if any(key in changes for key in alternatives):
        fields |= dict.fromkeys(alternatives)
    for key, value in changes.items():
        inner = fields[key]
        nested = dataclasses.is_dataclass(inner) and isinstance(value, Mapping)
        fields[key] = _merged(inner, value) if nested else value
    return fields
