"""Parsing of JSON and TOML within limits: depth, size, finite numbers, unique keys and texts that can be written."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError

MOST_BYTES = 2**30
"""Largest text file that is read."""

DEEPEST = 32
"""Largest number of tables, objects and lists inside each other."""

LARGEST = 2**63 - 1
"""Largest size of a number."""

_SUSPICIOUS = re.compile(rf"(?:[\[{{][^\[\]{{}}]*){{{DEEPEST}}}|\d[eE]\+?\d\d|\d{{19}}|\\u[dD][89a-fA-F]")
"""What the text of each value that `check_plain` refuses contains, so that all other texts need no check."""


def read_text(path: Path, expected: str) -> str:
    """Return the content of a UTF-8 text file.

    Args:
        path: The file.
        expected: What the file should be, such as "a TOML file"; used in error messages.

    Raises:
        StaanetError: If the file does not exist, is no file, is too large, cannot be read or is not UTF-8.
    """
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise StaanetError(f"{path}: expected {expected} of at most {MOST_BYTES} bytes, got {size}")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StaanetError(f"{path}: expected {expected}, found none") from None
    except OSError as error:
        raise StaanetError(f"{path}: expected {expected} that can be read, got {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StaanetError(f"{path}: expected {expected} in UTF-8, got {error}") from error


def parse_json(text: str | bytes, *, unique: bool = True) -> Any:
    """Return the value of a JSON text.

    Args:
        text: The text.
        unique: Whether an object that has a key twice is refused, which takes a little longer.

    Raises:
        ValueError: If the text is not JSON, or its value is refused by `check_plain`.

    >>> parse_json('{"rate": 1, "rate": 2}')
    Traceback (most recent call last):
    ValueError: the key 'rate' twice
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        value = json.loads(text, parse_constant=_not_finite, object_pairs_hook=_object if unique else None)
    except RecursionError:
        raise ValueError(f"more than {DEEPEST} values inside each other") from None
    if _SUSPICIOUS.search(text):
        check_plain(value)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """Return the table of a TOML text.

    Raises:
        ValueError: If the text is not TOML, or its value is refused by `check_plain`.

    >>> parse_toml("rate = nan")
    Traceback (most recent call last):
    ValueError: rate: the number nan
    """
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"more than {DEEPEST} values inside each other") from None
    check_plain(values)
    return values


def check_plain(value: Any, place: tuple[str, ...] = ()) -> None:
    """Check that tables and lists, as JSON and TOML have them, are not too deep, and that what they hold can be used.

    Values of other types are not checked.

    Args:
        value: The value.
        place: The keys that lead to the value, for error messages.

    Raises:
        ValueError: If a number is not finite or larger than `LARGEST`, a text has characters that cannot be written,
            or more than `DEEPEST` values lie inside each other. The message begins with the place.

    >>> check_plain({"loop": [1, 1e300]})
    Traceback (most recent call last):
    ValueError: loop.1: the number 1e+300
    """
    if len(place) >= DEEPEST and isinstance(value, Mapping | list | tuple):
        raise ValueError(f"{'.'.join(place[:2])}: more than {DEEPEST} values inside each other")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            check_plain(key, place)
            check_plain(inner, (*place, str(key)))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            check_plain(inner, (*place, str(number)))
    elif isinstance(value, int | float) and not abs(value) <= LARGEST:
        shown = f"{value:g}" if isinstance(value, float) else f"{str(value)[:20]}..."
        raise ValueError(f"{_prefix(place)}the number {shown}")
    elif isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{_prefix(place)}half a character in {ascii(value)[:40]}") from None


def _prefix(place: tuple[str, ...]) -> str:
    return f"{'.'.join(place)}: " if place else ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} twice")
    return value


def _not_finite(name: str) -> float:
    raise ValueError(f"the number {name}")
