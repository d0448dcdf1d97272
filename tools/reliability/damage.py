"""Damage files of a finished tiny run and run it again: `python tools/reliability/damage.py --cases 100`."""

import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import summaries
import tiny_runs
from tiny_runs import REFUSED, TRACEBACK, results

from staanet.study.found import mend
from staanet.study.verification import verify

TITLE = "Damaged files"
ABOUT = (
    "Each file of a finished run is damaged in turn: truncated, a third of it zeroed, one bit flipped, exchanged for "
    "other bytes of the same size with the old time of change, or lengthened. Half of the runs then need the file, "
    "because their records were removed. `staanet verify` must name the file, and the run must tell it, make it again, "
    "and end with the same records. Tables and page have no checksums, because every run writes them again."
)

WRITTEN_AGAIN = ("tables/", "report/")
"""What every run writes again."""


RIGHT = ("told and made again", "written again", "unchanged by chance")
"""Results that are as they should be."""


def truncate(content: bytes, draw: random.Random) -> bytes:
    """Return a beginning."""
    return content[: draw.randrange(len(content))]


def zero(content: bytes, draw: random.Random) -> bytes:
    """Return bytes of which a third is zero."""
    start = draw.randrange(max(1, len(content) * 2 // 3))
    end = start + max(1, len(content) // 3)
    return content[:start] + bytes(len(content[start:end])) + content[end:]


def flip(content: bytes, draw: random.Random) -> bytes:
    """Return bytes with one bit flipped."""
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :]


def exchange(content: bytes, draw: random.Random) -> bytes:
    """Return other bytes of the same number."""
    return draw.randbytes(len(content))


def append(content: bytes, draw: random.Random) -> bytes:
    """Return the bytes and more."""
    return content + draw.randbytes(draw.randrange(1, 100))


HARMS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    harm.__name__: harm for harm in (truncate, zero, flip, exchange, append)
}


def case(seed: int, whole: Path, reference: dict[str, Any], place: Path) -> dict[str, Any]:
    """Return what became of a damaged file.

    Args:
        seed: Number of the case, which decides file, harm and whether the file is needed.
        whole: The finished run.
        reference: Its results.
        place: Folder for a copy of it.
    """
    draw = random.Random(f"damage {seed}")
    out, log = place / "run", place / "log"
    shutil.copytree(whole, out)
    tiny_runs.in_own_process(lambda: mend(out), place)  # the copies have other times, which are remembered here
    paths = [path for path in out.rglob("*") if path.is_file() and path.name != ".lock"]
    files = sorted(path.relative_to(out).as_posix() for path in paths)
    name = files[seed % len(files)]
    harm, needed = list(HARMS)[(seed // len(files) + seed) % len(HARMS)], draw.random() < 0.5
    content = (out / name).read_bytes()
    damaged = HARMS[harm](content, draw)
    if needed and not name.startswith(("records/", *WRITTEN_AGAIN)):
        shutil.rmtree(out / "records")
    else:
        needed = False
    times = (out / name).stat()
    (out / name).write_bytes(damaged)
    if harm == "exchange":
        os.utime(out / name, ns=(times.st_atime_ns, times.st_mtime_ns))
    again = name.startswith(WRITTEN_AGAIN)

    def problems() -> list[str]:
        return verify(out, 0).problems

    verified = tiny_runs.in_own_process(problems, place)
    ended = tiny_runs.waited(tiny_runs.fork(lambda: tiny_runs.run(out, page=again), log), log)
    told = any(name in line for line in ended.lines)
    lines = tiny_runs.without(out, ended.lines)
    facts = {"seed": seed, "file": _plain(name), "harm": harm, "needed": needed, "lines": lines}
    facts["named by verify"] = any(name in line for line in verified)
    facts["result"] = _result(ended.status, told, again, damaged == content, results(out) == reference)
    if facts["result"] == "told and made again" and (left := tiny_runs.in_own_process(problems, place)):
        facts["result"], facts["lines"] = "silent", tiny_runs.without(out, left)
    if again and (out / name).read_bytes() == damaged != content:
        facts["result"] = "silent"
    shutil.rmtree(place)
    return facts


def _result(status: int, told: bool, again: bool, same: bool, equal: bool) -> str:
    if status == TRACEBACK:
        return "traceback"
    if status == REFUSED:
        return "refused"
    if not equal:
        return "silent"
    if same or again:
        return "unchanged by chance" if same else "written again"
    return "told and made again" if told else "not told"


def _plain(name: str) -> str:
    """Return a path without signatures."""
    parts = [part.rsplit("-", 1)[0] if "-" in part and "." not in part else part for part in name.split("/")]
    return "/".join(parts)


def main(cases: int, folder: Path) -> None:
    """Run all cases and write their results."""
    whole = tiny_runs.whole_run(folder, page=True)
    reference = results(whole)
    made = []
    for seed in range(cases):
        place = folder / str(seed)
        place.mkdir()
        made.append(case(seed, whole, reference, place))
        print(made[-1], flush=True)
        _write(made)


def _write(made: list[dict[str, Any]]) -> None:
    """Write the results of the cases so far."""
    with_checksums = [one for one in made if one["result"] not in ("written again", "unchanged by chance")]
    rows = [
        ["damaged files", len(made)],
        *summaries.counted([one["result"] for one in made]),
        ["of files with checksums, named by its verification", sum(one["named by verify"] for one in with_checksums)],
        ["files with checksums", len(with_checksums)],
    ]
    command = "python tools/reliability/damage.py"
    summaries.write("damage", TITLE, ABOUT, ["", "number"], rows, made, command)


if __name__ == "__main__":
    sys.exit(summaries.started(main, default=100))
