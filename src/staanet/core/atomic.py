"""Writing of files and folders that are there completely or not at all, whatever interrupts it."""

import contextlib
import errno
import itertools
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from staanet.core.errors import PersistentError, StaanetError
from staanet.core.processes import HOST, is_alive

NAME_KEPT = 50
"""Number of characters of a file's name that its temporary name keeps, so that this is never too long."""

LEFTOVER = re.compile(r"\.(?P<name>.+?)(\.(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-\d+)?\.(?P<kind>partial|previous)")
"""A temporary name: the name of the file, and the host and the process that write it (not before version 0.3)."""

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

_numbers = itertools.count()
_swept: set[Path] = set()


@contextlib.contextmanager
def atomic_write(path: Path, size: int | None = None) -> Iterator[Path]:
    """Yield a temporary path in the same folder, to be written within the block, and rename it to `path` afterwards.

    If the block fails, `path` stays as it was. What was written is on the disk before the new name is, so that a power
    cut leaves the old file or the new one. Several processes may write a path at the same time; the last one wins.
    What interrupted processes left in the folder is removed. New files get the permissions of the umask.

    Args:
        path: Final path of the file or folder.
        size: Number of bytes that will be written, if it is known; the disk is then asked for room first.

    Raises:
        StaanetError: If the path cannot be written, the disk has too little room, or if a file would replace a folder
            or a folder a file.
    """
    if path.name in ("", ".."):
        raise StaanetError(f"{path}: expected a path that ends in a name, got none; choose another --out")
    temporary, previous = temporary_names(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent not in _swept:
            sweep(path.parent)
            _swept.add(path.parent)
        if size is not None and shutil.disk_usage(path.parent).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield temporary
        if path.is_dir() != temporary.is_dir() and path.exists():
            kind = "folder" if path.is_dir() else "file"
            raise StaanetError(
                f"{path}: expected a new path to write to, got a {kind} that would be lost; choose another --out"
            )
        _finish(temporary)
        if path.is_dir():
            path.replace(previous)
        temporary.replace(path)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise _disk_full(path, size, temporary) from error
        raise PersistentError(
            f"{path}: expected a path that can be written, got {error.strerror}; choose another --out"
        ) from error
    finally:
        remove(temporary)
        if previous.exists() and not path.exists():
            previous.replace(path)
        remove(previous)


def temporary_names(path: Path) -> tuple[Path, Path]:
    """Return names next to a path that no other writer uses: for what will replace it, and for what is replaced."""
    writer = f"{path.name[:NAME_KEPT]}.{HOST}-{os.getpid()}-{next(_numbers)}"
    return path.with_name(f".{writer}.partial"), path.with_name(f".{writer}.previous")


def sweep(folder: Path, deep: bool = False) -> None:
    """Remove what interrupted processes of this machine left in a folder.

    A folder that was about to be replaced gets its name back if the new one is not there.

    Args:
        folder: The folder.
        deep: Whether folders in it are swept as well.
    """
    places = [Path(place) for place, _, _ in os.walk(folder)] if deep else [folder]
    for place in places:
        for entry in list(os.scandir(place)) if place.is_dir() else []:
            match = LEFTOVER.fullmatch(entry.name)
            if match is None or (match["pid"] is not None and (match["host"] != HOST or is_alive(int(match["pid"])))):
                continue
            original = place / match["name"]
            if match["kind"] == "previous" and len(match["name"]) < NAME_KEPT and not original.exists():
                Path(entry).replace(original)
            else:
                remove(Path(entry))


def _finish(temporary: Path) -> None:
    """Give new files the permissions of the umask, and wait until they are on the disk."""
    inside = [Path(place) / name for place, _, names in os.walk(temporary) for name in names]
    nested = any(LEFTOVER.fullmatch(part) for part in temporary.parent.parts)
    for file in inside if temporary.is_dir() else [temporary]:
        if file.is_file() and not file.is_symlink():
            mode = stat.S_IMODE(file.stat().st_mode)
            if mode | _PERMISSIONS != mode:
                file.chmod(mode | _PERMISSIONS)
            if not nested:  # otherwise the outer folder is waited for
                _sync(file)
    if temporary.is_dir() and not nested:
        for place, _, _ in os.walk(temporary):
            _sync(Path(place))


def _sync(path: Path) -> None:
    """Wait until a file or the names in a folder are on the disk; some file systems cannot do this for folders."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTSUP):
            return
        raise
    finally:
        os.close(descriptor)


def _permissions() -> int:
    """Return the permissions of a new file by the umask of this process."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


_PERMISSIONS = _permissions()


def _disk_full(path: Path, size: int | None, temporary: Path) -> PersistentError:
    """Return the error of a full disk, with how much is missing."""
    free = 0
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(path.parent).free
    if size is None:
        with contextlib.suppress(OSError):
            free += temporary.stat().st_size
        wanted = "expected more room on its disk"
        missing = f"got a full one after {in_bytes(free)}"
    else:
        wanted = f"expected {in_bytes(size)} free on its disk"
        lacking = f", {in_bytes(size - free)} too little" if size > free else " and no more by its quota"
        missing = f"got {in_bytes(free)}{lacking}"
    return PersistentError(f"{path}: {wanted}, {missing}; free some space and run the same command again")


def in_bytes(size: int) -> str:
    """Return a number of bytes in the unit in which it is short.

    >>> in_bytes(512), in_bytes(3_400_000)
    ('512 bytes', '3.4 MB')
    """
    if size < 1000:
        return f"{size} bytes"
    unit = next(power for power in (4, 3, 2, 1) if size >= 1000**power)
    return f"{size / 1000**unit:.1f} {' kMGT'[unit]}B"


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with its content, if it exists; a link is removed without its target."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
