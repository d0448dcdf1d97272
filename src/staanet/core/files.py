"""Files that are there whole or not at all."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write a file or fill a folder, and rename it when the block succeeds.

    What an interrupted run left there is thrown away. One process at a time writes a path.

    Raises:
        StaanetError: the folder cannot be written.
    """
    if path.name in ("", ".."):
        raise StaanetError(f"{path}: expected a place with a name of its own; choose another --out")
    temporary, previous = (path.with_name(f".{path.name}.{kind}") for kind in ("partial", "previous"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(temporary)
        yield temporary
        if path.is_dir() != temporary.is_dir() and path.exists():
            kind = "folder" if path.is_dir() else "file"
            raise StaanetError(f"{path}: expected another place to write to, got a {kind} that would be lost")
        if path.is_dir():
            remove(previous)
            path.replace(previous)
        temporary.replace(path)
    except OSError as error:
        raise StaanetError(
            f"{path}: expected a place that can be written, got {error.strerror}; choose another --out"
        ) from error
    finally:
        remove(temporary)
        remove(previous)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()


def check_replaceable(folder: Path, about: str) -> None:
    """Refuse to write a folder over one that this library did not make, before any work is done.

    Args:
        folder: where something is to go.
        about: the JSON file with a key `staanet` that every such folder of ours holds.

    Raises:
        StaanetError: the folder's files would be lost, or it cannot be written.
    """
    if not folder.name or folder.name == "..":
        raise StaanetError(f"{folder}: expected a folder with a name of its own; choose another --out")
    occupied = folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    if occupied and not ((folder / about).is_file() and "staanet" in read_json(folder / about)):
        raise StaanetError(
            f"{folder}: expected a new folder or one made by staanet, got other files; choose another --out"
        )
    check_writable(folder.parent)


def check_writable(folder: Path) -> None:
    """Make the folder and prove that it can be written, before any work is done for it.

    Raises:
        StaanetError: it cannot.
    """
    probe = folder / f".{os.getpid()}.probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StaanetError(
            f"{folder}: expected a folder that can be written, got {error.strerror}; choose another --out"
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole; NaN and infinity are refused."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        StaanetError: no such file, or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StaanetError(f"{path}: expected a file, found none") from None
    except ValueError as error:
        raise StaanetError(f"{path}: expected JSON, got {error}; remove the file and run again") from error


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write a file of one JSON value a line, whole."""
    with atomic_write(path) as temporary:
        temporary.write_text("".join(json.dumps(row, allow_nan=False) + "\n" for row in rows), encoding="utf-8")


def read_jsonl(path: Path) -> list[Any]:
    """Read a file of one JSON value a line.

    Raises:
        StaanetError: no such file, or not JSON.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows: list[Any] = json.loads(f"[{','.join(lines)}]")  # twice as fast as line by line
        if len(rows) != len(lines):
            raise ValueError("lines of several values")
        return rows
    except FileNotFoundError:
        raise StaanetError(f"{path}: expected a file, found none") from None
    except ValueError as error:
        raise StaanetError(f"{path}: expected JSON, got {error}; make the file again") from error
