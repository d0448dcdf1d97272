"""Processes of this machine, and the lock by which only one of them at a time writes to a folder."""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

logger = logging.getLogger(__name__)

HOST_NAME = socket.gethostname()
"""Name of this machine."""

HOST = hashlib.sha256(HOST_NAME.encode()).hexdigest()[:8]
"""Short hash of the name of this machine, which fits into the name of a file."""

LOCK = ".lock"
"""Name of the file in a folder that says which process writes to it."""

SIGN_OF_LIFE = 20.0
"""Seconds after which the holder of a lock touches its file again."""

SILENT = 120.0
"""Seconds without a sign of life after which the holder of a lock on another machine counts as dead."""

PAUSE = 0.2
"""Seconds between two looks at a lock."""

_held: dict[Path, "_Lock"] = {}
_entering = threading.Lock()


def is_alive(pid: int) -> bool:
    """Return whether a process of this machine runs.

    >>> is_alive(os.getpid())
    True
    """
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder within the block; wait, and say for whom, while another process holds it.

    The lock of a process that has died is taken over. On another machine a process counts as dead if it has shown no
    sign of life for two minutes. The threads and forked workers of the holder share its lock.

    Args:
        folder: A folder that can be written; it is made if it does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = folder.resolve()
    with _entering:
        if place not in _held:
            _held[place] = _Lock(folder)
        _held[place].users += 1
    try:
        yield
    finally:
        with _entering:
            _held[place].users -= 1
            if _held[place].users == 0:
                _held.pop(place).release()


class _Lock:
    """The lock of a folder, which this process holds from now on.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.users = 0
        self._ended = threading.Event()
        self._file = _current(folder)
        threading.Thread(target=_show_life, args=(folder / LOCK, self._ended), daemon=True).start()

    def release(self) -> None:
        """Release the lock."""
        self._ended.set()
        self._file.truncate(0)
        self._file.close()


def _current(folder: Path) -> IO[str]:
    """Return the file of the lock of a folder, which this process holds; who held it may have removed the folder."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+", encoding="utf-8")
        try:
            _acquire(file, folder)
            if os.path.samestat(os.fstat(file.fileno()), (folder / LOCK).stat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()


def _acquire(file: IO[str], folder: Path) -> None:
    """Wait for the lock and write down that this process holds it."""
    said = None
    while True:
        free = _try(file)
        holder = _holder(file)
        if free and not _seems_alive(holder, file):
            break
        if free:
            fcntl.flock(file, fcntl.LOCK_UN)
        if holder != said:
            logger.warning("%s: %s writes to this folder; waits until it has ended", folder, _named(holder))
            said = holder
        time.sleep(PAUSE)
    if holder is not None:
        logger.info("%s: %s has died; goes on from what it made", folder, _named(holder))
    file.truncate(0)
    began, pid = time.strftime("%Y-%m-%d %H:%M:%S"), os.getpid()
    file.write(json.dumps({"process": pid, "host": HOST_NAME, "since": began, "started": _started(pid)}))
    file.flush()


def _try(file: IO[str]) -> bool:
    """Return whether no other process of this machine holds the lock; this process does then."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: what the file says decides
        pass
    return True


def _holder(file: IO[str]) -> dict[str, Any] | None:
    """Return who holds the lock by what its file says, None if it says nothing."""
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return {"process": int(holder["process"]), **{key: str(holder[key]) for key in ("host", "since", "started")}}
    except (ValueError, TypeError, KeyError):
        return None


def _seems_alive(holder: dict[str, Any] | None, file: IO[str]) -> bool:
    """Return whether the process that a lock names still runs, as far as can be known."""
    if holder is None:
        return False
    if holder["host"] == HOST_NAME:
        pid = holder["process"]
        return pid != os.getpid() and is_alive(pid) and _started(pid) == holder["started"]
    return time.time() - os.fstat(file.fileno()).st_mtime < SILENT


def _started(pid: int) -> str:
    """Return when a process started, in ticks since the machine did; empty where this cannot be known."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _named(holder: dict[str, Any] | None) -> str:
    if holder is None:
        return "another process"
    return f"process {holder['process']} on {holder['host']} (since {holder['since']})"


def _show_life(path: Path, ended: threading.Event) -> None:
    """Touch the file of a lock now and then, until it is released."""
    while not ended.wait(SIGN_OF_LIFE):
        with contextlib.suppress(OSError):
            os.utime(path)
