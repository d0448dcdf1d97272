"""Hashes of the contents of files, each computed once: they are kept by path, size, times and number of the file."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from staanet.core.checksums import stamp_of
from staanet.core.signature import file_digest

logger = logging.getLogger(__name__)

SETUP = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, stamp TEXT, sha256 TEXT)",
)
FIND = "SELECT size, stamp, sha256 FROM files WHERE path = ?"
KEEP = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)"
WAIT = 60.0
"""Seconds to wait while another process writes to the file."""


def default_path() -> Path:
    """Return the file in which hashes are kept, in the user's folder for caches."""
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "staanet" / "file-hashes.sqlite"


def contents(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the SHA-256 of the contents of files.

    A file is read only if it is new or if its size, its times or its number in the file system are not those with
    which its hash was kept, so that a file that was exchanged for another one of the same size is read again. Without
    a place to keep hashes all files are read.

    Args:
        paths: The files; each may occur several times.

    Raises:
        OSError: A file cannot be read.
    """
    stamps = {path: stamp_of(path) for path in dict.fromkeys(paths)}
    names = {path: os.fspath(path.resolve()) for path in stamps}
    found = _kept(stamps, names)
    missing = [path for path in stamps if path not in found]
    with ThreadPoolExecutor() as pool:
        made = dict(zip(missing, pool.map(file_digest, missing), strict=True))
    _keep([(names[path], stamps[path][1], stamps[path][0], digest) for path, digest in made.items()])
    return found | made


def _kept(stamps: Mapping[Path, tuple[str, int]], names: Mapping[Path, str]) -> dict[Path, str]:
    """Return the hashes that are kept of files as they are now."""
    found = {}
    with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(_connected()) as connection:
        for path, (stamp, size) in stamps.items():
            row = connection.execute(FIND, (names[path],)).fetchone()
            if row is not None and row[:2] == (size, stamp):
                found[path] = str(row[2])
    return found


def _keep(rows: list[tuple[str, int, str, str]]) -> None:
    if not rows:
        return
    try:
        with contextlib.closing(_connected()) as connection, connection:
            connection.executemany(KEEP, rows)
    except (sqlite3.Error, OSError) as error:
        logger.debug("%s: hashes are not kept (%s)", default_path(), error)


def _connected() -> sqlite3.Connection:
    path = default_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=WAIT)
    for statement in SETUP:
        connection.execute(statement)
    return connection
