"""Validation of settings: TOML files and keyword arguments become dataclasses, and unknown keys are refused."""

import dataclasses
import functools
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.parsing import check_plain, parse_toml, read_text

T = TypeVar("T")

LONGEST_SHOWN = 200
"""Largest number of characters of a value in an error message."""


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
    valid: T = _validated(schema, dict(values), where)
    return valid


def checked(schema: Any, value: Any, where: str) -> Any:
    """Return a value as an instance of any type that pydantic knows, such as a list of dataclasses.

    Args:
        schema: The type.
        value: The value, as JSON or TOML has it.
        where: Where the value comes from, such as a file; error messages begin with it.

    Raises:
        StaanetError: As `validated`.

    >>> checked(list[int], [1, True], "counts.json")
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: counts.json: 1: expected a number, got True
    """
    return _validated(schema, value, where)


def _validated(schema: Any, values: Any, where: str) -> Any:
    try:
        check_plain(values)
        _check_limits(values)
    except ValueError as error:
        raise StaanetError(f"{where}: expected values within their limits, got {error}") from None
    _check_keys(schema, values, where)
    try:
        valid = _adapter(schema).validate_python(values)
        _check_unchanged(values, valid)
        return valid
    except _ConversionError as converted:
        raise StaanetError(f"{where}: {converted}") from None
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError) as error:
        raise StaanetError(f"{where}: expected settings that fit together, got {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part != schema.__name__ and "[" not in str(part))
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, StaanetError):
            raise StaanetError(f"{where}: {key + ': ' if key else ''}{cause}") from None
        if first["type"] == "missing":
            raise StaanetError(f"{where}: expected the key {key!r}, found none; add it") from None
        raise StaanetError(f"{where}: {key or 'settings'}: {first['msg']}, got {_brief(first['input'])}") from None


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


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


class _ConversionError(Exception):
    """Raised for a value that pydantic would convert to one of another meaning."""


LARGEST_VALUES = {
    "batch_size": 1_000_000,
    "bands": 65_536,
    "channels": 65_536,
    "epochs": 10_000_000,
    "folds": 100_000,
    "hop": 10_000_000,
    "n_fft": 10_000_000,
    "sample_rate": 768_000,
    "seconds": 86_400,
    "width": 65_536,
    "widths": 65_536,
}
"""Largest value of settings by their name, above which memory or time would not suffice anywhere."""


def _check_limits(value: Any) -> None:
    """Raise an error if a setting at any depth is larger than `LARGEST_VALUES`."""
    if isinstance(value, list | tuple):
        for inner in value:
            _check_limits(inner)
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        if key in LARGEST_VALUES:
            for number in inner if isinstance(inner, list | tuple) else (inner,):
                if isinstance(number, int | float) and number > LARGEST_VALUES[key]:
                    raise ValueError(f"{key}: {number}; it is {LARGEST_VALUES[key]} at most")
        _check_limits(inner)


def _check_unchanged(given: Any, made: Any, place: tuple[str, ...] = ()) -> None:
    """Raise an error if a text was read as a number, or a number as a truth value or the other way round."""
    if isinstance(given, Mapping):
        for key, value in given.items():
            kept = made.get(key, value) if isinstance(made, Mapping) else getattr(made, str(key), value)
            _check_unchanged(value, kept, (*place, str(key)))
    elif isinstance(given, list | tuple) and isinstance(made, list | tuple):
        for number, (one, other) in enumerate(zip(given, made, strict=False)):
            _check_unchanged(one, other, (*place, str(number)))
    elif isinstance(given, bool) != isinstance(made, bool) or (
        isinstance(given, str) and isinstance(made, int | float)
    ):
        expected = "true or false" if isinstance(made, bool) else "a number"
        raise _ConversionError(f"{'.'.join(place) or 'settings'}: expected {expected}, got {given!r}")


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        StaanetError: If the file does not exist, cannot be read, or is not TOML (within the limits of
            `staanet.core.parsing`).
    """
    text = read_text(path, "a TOML file")
    try:
        return parse_toml(text)
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
