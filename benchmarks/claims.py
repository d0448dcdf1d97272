"""Functions that measure claims and write the results: ratios within one run, medians of interleaved repeats."""

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from staanet.core.provenance import commit

RESULTS = Path(__file__).parent / "results"

MEMORY_UNIT = 1e9 if sys.platform == "darwin" else 1e6
"""A gigabyte in the unit of `ru_maxrss`, which is a kilobyte on Linux and a byte on macOS."""


def seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def ratio(slow: Callable[[], float], fast: Callable[[], float], repeats: int = 5) -> float:
    """Return the median ratio of the seconds of `slow` to those of `fast`; the two functions run in turns."""
    slow(), fast()
    return statistics.median(slow() / fast() for _ in range(repeats))


def provenance() -> dict[str, str | None]:
    return {
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(_named, sys.argv[1:])]),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "commit": commit()[0],
    }


def _named(word: str) -> str:
    """Return a word of a command, without the folder in which a file lies on this machine."""
    return Path(word).name if Path(word).is_absolute() else word


def write(name: str, claim: str, aim: float, measured: float, unit: str) -> None:
    result = {"claim": claim, "aim": aim, "measured": round(measured, 3), "unit": unit, **provenance()}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"{claim}: {measured:.3g} {unit} (aim {aim:g})")
