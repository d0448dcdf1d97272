"""Files and folders that are written completely or not at all, and the JSON formats that are stored in them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from staanet.core.atomic import atomic_write as atomic_write
from staanet.core.atomic import remove as remove
from staanet.core.atomic import temporary_names
from staanet.core.errors import StaanetError
from staanet.core.parsing import parse_json, read_text


def check_replaceable(folder: Path, about: str) -> None:
    """Raise an error, before any work is done, if writing `folder` would replace files that staanet did not write.

    Args:
        folder: Folder that is going to be written.
        about: Name of the JSON file with a key `staanet` by which a folder that staanet wrote is recognised.

    Raises:
        StaanetError: If the folder holds other files or cannot be written.
    """
    if not folder.name or folder.name == "..":
        raise StaanetError(f"{folder}: expected a path that ends in a name, got none; choose another --out")
    occupied = folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    if occupied and not ((folder / about).is_file() and "staanet" in read_json(folder / about)):
        raise StaanetError(
            f"{folder}: expected a new folder or one that staanet wrote, got other files; choose another --out"
        )
    check_writable(folder.parent)


def check_writable(folder: Path) -> None:
    """Create the folder if it does not exist, and check that files can be written to it, before any work is done.

    Raises:
        StaanetError: If files cannot be written to it.
    """
    probe, _ = temporary_names(folder / "probe")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StaanetError(
            f"{folder}: expected a folder that can be written, got {error.strerror}; choose another --out"
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically; NaN and infinity raise an error, because JSON does not have them."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write text to a UTF-8 file atomically, with Unix line ends."""
    content = text.encode()
    with atomic_write(path, len(content)) as temporary:
        temporary.write_bytes(content)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        StaanetError: If the file does not exist, cannot be read, or is not JSON (within the limits of
            `staanet.core.parsing`).
    """
    text = read_text(path, "a file")
    try:
        return parse_json(text)
    except ValueError as error:
        raise StaanetError(f"{path}: expected JSON, got {error}; remove the file and run again") from error


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write a JSON Lines file (one JSON value per line) atomically; NaN and infinity raise an error."""
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))


def read_jsonl(path: Path) -> list[Any]:
    """Return the values of a JSON Lines file, which has one JSON value per line.

    Raises:
        StaanetError: If the file does not exist or a line is not one JSON value.
    """
    text = read_text(path, "a file")
    lines = text.removesuffix("\n").split("\n") if text else []
    try:
        rows: list[Any] = parse_json(f"[{','.join(lines)}]", unique=False)  # all lines at once take half the time
        if len(rows) != len(lines):
            raise ValueError("a line that is not one value")
    except ValueError as error:
        raise StaanetError(f"{path}: expected JSON, got {error}; write the file again") from error
    return rows
