"""Files and folders that are written completely or not at all, and the JSON formats that are stored in them."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from staanet.core.errors import PersistentError, StaanetError


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, to be written within the block, and rename it to `path` afterwards.

    If the block fails, `path` stays as it was. Leftovers of an interrupted run are removed. Only one process at a time
    may write a path.

    Args:
        path: Final path of the file or folder.

    Raises:
        StaanetError: If the path cannot be written, or if a file would replace a folder or a folder a file.
    """
    if path.name in ("", ".."):
        raise StaanetError(f"{path}: expected a path that ends in a name, got none; choose another --out")
    temporary, previous = (path.with_name(f".{path.name}.{kind}") for kind in ("partial", "previous"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(temporary)
        yield temporary
        if path.is_dir() != temporary.is_dir() and path.exists():
            kind = "folder" if path.is_dir() else "file"
            raise StaanetError(
                f"{path}: expected a new path to write to, got a {kind} that would be lost; choose another --out"
            )
        if path.is_dir():
            remove(previous)
            path.replace(previous)
        temporary.replace(path)
    except OSError as error:
        raise PersistentError(
            f"{path}: expected a path that can be written, got {error.strerror}; choose another --out"
        ) from error
    finally:
        remove(temporary)
        remove(previous)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with its content, if it exists; a link is removed without its target."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()


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
    """Write a JSON file atomically; NaN and infinity raise an error, because JSON does not have them."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """Write text to a UTF-8 file atomically, with Unix line ends."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        StaanetError: If the file does not exist or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StaanetError(f"{path}: expected a file, found none") from None
    except ValueError as error:
        raise StaanetError(f"{path}: expected JSON, got {error}; remove the file and run again") from error


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write a JSON Lines file (one JSON value per line) atomically; NaN and infinity raise an error."""
    with atomic_write(path) as temporary:
        temporary.write_text("".join(json.dumps(row, allow_nan=False) + "\n" for row in rows), encoding="utf-8")


def read_jsonl(path: Path) -> list[Any]:
    """Return the values of a JSON Lines file, which has one JSON value per line.

    Raises:
        StaanetError: If the file does not exist or a line is not one JSON value.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows: list[Any] = json.loads(f"[{','.join(lines)}]")  # parsing all lines at once takes half the time
        if len(rows) != len(lines):
            raise ValueError("a line that is not one value")
        return rows
    except FileNotFoundError:
        raise StaanetError(f"{path}: expected a file, found none") from None
    except ValueError as error:
        raise StaanetError(f"{path}: expected JSON, got {error}; write the file again") from error
