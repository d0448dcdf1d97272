"""Names of files that are made from data, such as the ids of clips: safe, short, unique, and inside their folder."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from staanet.core.errors import StaanetError

LONGEST = 120
"""Largest number of bytes of a name; file systems allow 255, of which endings and temporary names need some."""

_UNSAFE = '\\:*?"<>|'
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_name(text: str) -> str:
    r"""Return a text as the name of a file or folder.

    A text that is a safe name stays as it is. In any other, the characters that are not safe become `_`, and eight
    digits of its hash are added, so that different texts have different names. Safe are printable characters in Unicode
    form NFC other than / and those that some file system refuses. A safe name has at most `LONGEST` bytes, does not
    begin with a full stop or end with a full stop or space, and is no name of a device on Windows.

    >>> safe_name("joy_1"), safe_name("../a")
    ('joy_1', '_._a-61b4c98b')
    """
    letters = [letter if letter.isprintable() and letter not in f"{_UNSAFE}/" else "_" for letter in text]
    name = unicodedata.normalize("NFC", "".join(letters)).encode("utf-8", "replace").decode()
    if name[:1] == ".":
        name = f"_{name[1:]}"
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    kept = name == text != "" and name.rstrip(". ") == name
    if kept and len(name.encode()) <= LONGEST:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    short = name.encode()[: LONGEST - 9].decode("utf-8", "ignore").rstrip(". ")
    return f"{short}-{digest}"


class FilePlaces:
    """The places of files in a folder, of which each has a safe name and no two have the same.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._owners: dict[str, str] = {}

    def place(self, name: str, ending: str = "") -> Path:
        """Return the path of a new file.

        Args:
            name: What the file is named after, such as the id of a clip; its parts between / become folders.
            ending: Ending of the file.

        Raises:
            StaanetError: If another file has this path already, also where a file system ignores case.

        >>> FilePlaces(Path("out")).place("joy/anna_1", ".flac").as_posix()
        'out/joy/anna_1.flac'
        """
        *folders, last = name.split("/")
        path = self.root.joinpath(*map(safe_name, folders), safe_name(f"{last}{ending}"))
        key = unicodedata.normalize("NFC", str(path)).casefold()
        if (other := self._owners.setdefault(key, name)) != name:
            raise StaanetError(
                f"{path}: expected a file of its own for {name!r}, got the one of {other!r}; rename one of the two"
            )
        return path


def as_path(text: str | Path) -> Path:
    """Return a path that a user gives.

    Raises:
        StaanetError: If no file system has such names, because one is longer than 255 bytes or has a zero byte.

    >>> as_path("x" * 300)
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: expected a path with names of 255 bytes at most, got 'xxxxxxxxxxxxxxxxxxxx...';
        correct the path
    """
    path = Path(text)
    for name in path.parts:
        if "\0" in name or len(os.fsencode(name)) > 255:
            raise StaanetError(
                f"expected a path with names of 255 bytes at most, got {ascii(name[:20])[:-1]}...'; correct the path"
            )
    return path


def check_names(kind: str, names: Iterable[str]) -> None:
    """Check that names, such as those of models, can be parts of file names.

    Args:
        kind: What the names stand for, in the plural; used in error messages.
        names: The names.

    Raises:
        StaanetError: If one has other characters than letters, digits, `_`, `-` and `.`, is too long, or differs from
            another in case only.

    >>> check_names("models", ["a", "A"])
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: expected models whose names differ in more than case, got 'a' and 'A'; rename one
    """
    seen: dict[str, str] = {}
    for name in names:
        if not re.fullmatch(r"[\w.-]+", name):
            raise StaanetError(f"expected names of letters, digits, '_', '-' and '.', got {name!r}; rename it")
        if len(name.encode()) > LONGEST // 2:
            raise StaanetError(f"expected names of {LONGEST // 2} bytes at most, got {name[:30]!r}...; shorten it")
        if (other := seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)) != name:
            raise StaanetError(
                f"expected {kind} whose names differ in more than case, got {other!r} and {name!r}; rename one"
            )


def check_joined_names(firsts: Iterable[str], seconds: Iterable[str]) -> None:
    """Check that names of two kinds joined by `-`, such as those of attacks and models, say which two they are.

    Raises:
        StaanetError: If two pairs of names give the same text.

    >>> check_joined_names(["fgsm", "fgsm-a"], ["a-b", "b"])
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: expected names that differ when joined, got 'fgsm' with 'a-b' and 'fgsm-a' with
        'b'; rename one
    """
    seen: dict[str, tuple[str, str]] = {}
    known = list(seconds)
    for first in firsts:
        for second in known:
            key = unicodedata.normalize("NFC", f"{first}-{second}").casefold()
            if (other := seen.setdefault(key, (first, second))) != (first, second):
                raise StaanetError(
                    f"expected names that differ when joined, got {other[0]!r} with {other[1]!r} and {first!r} with "
                    f"{second!r}; rename one"
                )


def inside(root: Path, name: str) -> Path:
    """Return the path of a file that another file names, which must lie in a folder.

    Args:
        root: The folder.
        name: Path of the file, relative to the folder.

    Raises:
        StaanetError: If the path is absolute or leads out of the folder.

    >>> inside(Path("run"), "../secret.json")
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: run: expected the name of a file in this folder, got '../secret.json'
    """
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts or "\0" in name or "\\" in name:
        raise StaanetError(f"{root}: expected the name of a file in this folder, got {name!r}")
    return root / name
