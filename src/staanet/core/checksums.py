"""Checksums: a file in a folder that lists the hash, size and times of the others, so that what is found is verified.

Each line of `checksums.jsonl` describes one file and ends with a hash of itself; of several lines about a file the last
one counts, so that files can be added one by one. If a folder was written as a whole, its first line says how many
files it has. A file whose size and times are those of its line is taken as it is; if they differ, its contents
are hashed. A thorough check hashes all contents.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.files import write_text
from staanet.core.signature import file_digest

logger = logging.getLogger(__name__)

CHECKSUMS = "checksums.jsonl"
"""Name of the file that holds the checksums of a folder."""

OWN, SEALED = "line", "sealed"
"""Keys of a line: its own hash, and, in the first line of a folder that was written as a whole, its number of files."""


@dataclass(frozen=True)
class Checksum:
    """What a file was when it was written.

    Args:
        name: Its path relative to the folder.
        sha256: Hash of its contents.
        size: Number of bytes.
        stamp: When contents and properties were last changed, in nanoseconds, and the number of the file in its file
            system, as one text.
    """

    name: str
    sha256: str
    size: int
    stamp: str

    @classmethod
    def of(cls, folder: Path, path: Path) -> "Checksum":
        """Return the checksum of a file in a folder."""
        stamp, size = stamp_of(path)
        return cls(path.relative_to(folder).as_posix(), file_digest(path), size, stamp)


@dataclass(frozen=True)
class Damage:
    """A file that is not as it was written.

    Args:
        path: The file.
        found: What was expected and what was found.
    """

    path: Path
    found: str

    def __str__(self) -> str:
        return f"{self.path}: {self.found}"


def stamp_of(path: Path) -> tuple[str, int]:
    """Return what changes whenever a file is changed or exchanged, apart from its contents, and its size."""
    about = path.stat()
    return f"{about.st_mtime_ns}-{about.st_ctime_ns}-{about.st_ino}", about.st_size


def seal(folder: Path, paths: Iterable[Path] | None = None) -> None:
    """Write the checksums of files in a folder, in place of earlier ones; by default, of all files in it."""
    if paths is None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CHECKSUMS)
    lines = [_line(asdict(Checksum.of(folder, path))) for path in paths]
    write_text(folder / CHECKSUMS, "".join([_line({SEALED: len(lines)}), *lines]))


def add(folder: Path, paths: Iterable[Path]) -> None:
    """Add the checksums of files to those of a folder."""
    _append(folder, [Checksum.of(folder, path) for path in paths])


def read(folder: Path) -> dict[str, Checksum] | None:
    """Return the checksums of a folder by the names of the files; None if it has none."""
    found = _read(folder)
    return None if found is None else found[0]


def damages(folder: Path, names: Sequence[str] | None = None, thorough: bool = False) -> list[Damage]:
    """Return the files of a folder that are not as they were written; none if the folder has no checksums.

    Args:
        folder: The folder.
        names: Names of the files to check, which must have a checksum; by default all that have one, and the
            checksums themselves.
        thorough: Whether contents are hashed even if size and times are as they were, and nothing is written.
    """
    lines = _read(folder)
    if lines is None:
        return []
    known, broken = lines
    found, renewed = [], []
    if names is None and (broken or not known):
        found.append(Damage(folder / CHECKSUMS, f"expected a checksum in every line, got others ({broken})"))
    for name in known if names is None else names:
        path, checksum = folder / name, known.get(name)
        if checksum is None:
            found.append(Damage(path, f"expected its checksum in {CHECKSUMS}, found none"))
        elif (reason := _difference(path, checksum, thorough)) is not None:
            found.append(Damage(path, reason))
        elif stamp_of(path)[0] != checksum.stamp:
            renewed.append(Checksum(name, checksum.sha256, checksum.size, stamp_of(path)[0]))
    if not found and not thorough:
        with contextlib.suppress(OSError):  # a folder that cannot be written is hashed again each time
            _append(folder, renewed)
    return found


def intact(folder: Path, names: Sequence[str] | None = None) -> bool:
    """Return whether the files of a folder are there as they were written; damage is told with a warning.

    Args:
        folder: The folder.
        names: Names of the files; by default all that have a checksum.
    """
    if not all((folder / name).is_file() for name in names or ()):
        return False
    found = damages(folder, names)
    for damage in found:
        logger.warning("%s; it is not used, and made again", damage)
    return not found


def check(folder: Path, remedy: str) -> None:
    """Check the files of a folder before they are used.

    Args:
        folder: The folder.
        remedy: What a user can do about damage.

    Raises:
        StaanetError: A file is not as it was written.
    """
    if found := damages(folder):
        raise StaanetError(f"{found[0]}; {remedy}, or remove {CHECKSUMS} if you changed it on purpose")


def _difference(path: Path, checksum: Checksum, thorough: bool) -> str | None:
    """Return how a file differs from its checksum, None if it does not."""
    try:
        stamp, size = stamp_of(path)
        if size != checksum.size:
            return f"expected {checksum.size} bytes, got {size}: it was changed or damaged after it was written"
        if (thorough or stamp != checksum.stamp) and file_digest(path) != checksum.sha256:
            return "expected the contents that were written, got others: it was changed or damaged"
    except FileNotFoundError:
        return "expected a file, found none"
    except OSError as error:
        return f"expected a file that can be read, got {error.strerror}"
    return None


def _read(folder: Path) -> tuple[dict[str, Checksum], int] | None:
    """Return the checksums of a folder, and the number of lines that hold none or are missing.

    A last line without an end is left out, because a process may have died while it wrote it; a folder that was written
    as a whole has none.
    """
    try:
        return parse((folder / CHECKSUMS).read_bytes())
    except FileNotFoundError:
        return None


def parse(content: bytes) -> tuple[dict[str, Checksum], int]:
    """Return the checksums that a file holds by name, and the number of lines that hold none or are missing.

    Args:
        content: Content of the file.
    """
    *lines, unfinished = content.split(b"\n")
    found: dict[str, Checksum] = {}
    broken = sealed = 0
    for line in lines:
        try:
            values = json.loads(line)
            own = values.pop(OWN)
            if own != _own(values):
                raise ValueError("another hash")
            if SEALED in values:
                sealed = values[SEALED]
            else:
                checksum = Checksum(**values)
                found[checksum.name] = checksum
        except (ValueError, TypeError, KeyError, AttributeError):
            broken += 1
    lacking = max(bool(unfinished), sealed - len(found)) if sealed else 0
    return found, broken + lacking


def _append(folder: Path, checksums: Sequence[Checksum]) -> None:
    """Append lines to the checksums of a folder; a line that an earlier process left unfinished is removed first.

    Workers that add files to the same folder do this one after the other.
    """
    if not checksums:
        return
    with (folder / CHECKSUMS).open("ab+") as file:
        with contextlib.suppress(OSError):  # a file system without locks: a line may be lost, and is made again
            fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write("".join(_line(asdict(checksum)) for checksum in checksums).encode())


def _line(values: dict[str, Any]) -> str:
    return json.dumps({**values, OWN: _own(values)}) + "\n"


def _own(values: dict[str, Any]) -> str:
    """Return the hash of a line, by which damage to the checksums themselves is noticed."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]
