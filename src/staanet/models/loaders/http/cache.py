"""Answers of servers, kept in one SQLite file, so that a question is asked once."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from staanet.core.errors import StaanetError
from staanet.models.loaders.http.contract import Floats

SETUP = (
    "PRAGMA journal_mode = WAL",  # a commit takes a millisecond, and a kill loses nothing
    "PRAGMA synchronous = NORMAL",
    "CREATE TABLE IF NOT EXISTS answers (model BLOB, clip BLOB, logits BLOB, PRIMARY KEY (model, clip))",
)
FIND = "SELECT logits FROM answers WHERE model = ? AND clip = ?"
KEEP = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?)"
COUNT = "SELECT count(*) FROM answers WHERE model = ?"
WAIT = 60.0
"""Seconds to wait while another process writes to the file."""
PAUSE = 0.01
"""Seconds between two tries to set up a file that another process is setting up."""


def default_path() -> Path:
    """Return the file in which answers are kept by default, in the user's folder for caches."""
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "staanet" / "http-answers.sqlite"


class AnswerCache:
    """Logits by the hashes of a model and of a clip. Several processes can use one file.

    Args:
        path: The file, which is created if it does not exist.

    Raises:
        StaanetError: If the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=WAIT, check_same_thread=False)
            self._set_up()

    def find(self, model: bytes, clips: Iterable[bytes], classes: int) -> dict[bytes, Floats]:
        """Return the known logits `[K]` by the hash of their clip."""
        found = {}
        with self._errors():
            for clip in clips:
                row = self._connection.execute(FIND, (model, clip)).fetchone()
                if row is None:
                    continue
                if len(row[0]) != 4 * classes:
                    raise sqlite3.DatabaseError("an answer of another size")
                found[clip] = np.frombuffer(row[0], "<f4").astype(np.float32)
        return found

    def keep(self, model: bytes, answers: Mapping[bytes, Floats]) -> None:
        """Keep the answers of one request; they survive the end of the process, however it ends."""
        rows = [(model, clip, logits.astype("<f4").tobytes()) for clip, logits in answers.items()]
        with self._errors(), self._connection:
            self._connection.executemany(KEEP, rows)

    def count(self, model: bytes) -> int:
        """Return the number of answers of a model that are kept."""
        with self._errors():
            return int(self._connection.execute(COUNT, (model,)).fetchone()[0])

    def _set_up(self) -> None:
        """Create what the file lacks; while another process changes the journal, SQLite fails instead of waiting."""
        until = time.monotonic() + WAIT
        for statement in SETUP:
            while True:
                try:
                    self._connection.execute(statement)
                    break
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                        raise
                    time.sleep(PAUSE)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Replace errors of the file within a block by one that says what to do."""
        try:
            yield
        except (OSError, sqlite3.OperationalError) as error:  # the file cannot be opened, read or written
            raise StaanetError(
                f"{self.path}: expected a cache of answers, got: {error}; choose another cache, or cache = false for "
                "none"
            ) from error
        except sqlite3.DatabaseError as error:  # the file is damaged
            raise StaanetError(
                f"{self.path}: expected a cache of answers, got: {error}; delete the file, after which its questions "
                "are asked again"
            ) from error
