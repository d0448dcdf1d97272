"""Files that a description of a corpus names and that do not exist: how many, and the likely reasons."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from staanet.audio.files import printable
from staanet.corpora.spelling import path_key

_ABSOLUTE = re.compile(r"^(/|[a-z]:/|//)")


class Neighbours:
    """The files of a corpus, in which the likely reason is looked up why a path names none of them.

    Args:
        files: Relative paths of the files.
    """

    def __init__(self, files: Iterable[str]) -> None:
        self._by_key: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for file in files:
            key = PurePosixPath(path_key(file))
            self._by_key[str(key)].append(file)
            self._by_stem[str(key.with_suffix(""))].append(file)
            self._by_name[key.name].append(file)

    def reason(self, path: str) -> tuple[str, str]:
        """Return the kind of the reason, and the file that was probably meant, empty if there is none.

        >>> Neighbours(["joy/a.flac"]).reason("joy/a.wav")
        ('another ending', 'joy/a.flac')
        """
        key = path_key(path)
        if len(self._by_key[key]) > 1:
            return "several files that differ in case only", " and ".join(sorted(self._by_key[key]))
        if found := self._by_stem[str(PurePosixPath(key).with_suffix(""))]:
            return "another ending", found[0]
        absolute = _ABSOLUTE.match(key) is not None
        kind = "absolute paths of another folder or machine" if absolute else "paths that begin at another folder"
        parts = PurePosixPath(key).parts
        for start in range(1, len(parts)):
            tail = PurePosixPath(*parts[start:])
            if found := self._by_key[str(tail)]:
                return kind, found[0]
            if found := self._by_stem[str(tail.with_suffix(""))]:
                return f"{kind}, and another ending", found[0]
        if found := self._by_name[PurePosixPath(key).name]:
            return "another folder" if not absolute else kind, found[0]
        return "no file of a similar name", ""


def missing_reasons(missing: Collection[str], named: int, files: Iterable[str]) -> list[str]:
    """Return one line for each likely reason why named files do not exist, the most frequent reason first.

    Args:
        missing: The named paths without a file.
        named: How many paths were named in all.
        files: Relative paths of the files at the root.

    >>> missing_reasons(["b.wav"], 2, ["a.wav", "b.flac"])
    ["expected a file for each of 2 paths, found none for 1: another ending, such as 'b.wav' (there is 'b.flac'); ..."]
    """
    neighbours = Neighbours(files)
    by_reason: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in missing:
        kind, meant = neighbours.reason(path)
        by_reason[kind].append((path, meant))
    return [
        f"expected a file for each of {named} paths, found none for {len(found)}: {kind}, such as "
        f"{printable(found[0][0])!r}" + (f" (there is {found[0][1]!r})" if found[0][1] else "") + "; correct the paths"
        for kind, found in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]
