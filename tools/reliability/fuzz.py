"""Fuzzes the readers: changes seeds at random and gives them to a reader, which must return or raise a StaanetError.

    python tools/reliability/fuzz.py                      # every reader, 5 minutes each
    python tools/reliability/fuzz.py --seconds 20 toml csv

Seeds are made anew from good inputs, and joined by what is in `tests/reliability/seeds/<reader>`; an input that ends in
another exception or takes longer than 10 s is written there, so that the everyday tests read it again. The counts are
written to `results/reliability/fuzzing.json`.
"""

import argparse
import contextlib
import io
import json
import logging
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
SEEDS = HERE / "tests" / "reliability" / "seeds"
RESULTS = HERE / "results" / "reliability" / "fuzzing.json"
sys.path.insert(0, str(HERE / "tests"))


def fuzz(name: str, read: Callable[[bytes, Path], object], seeds: list[bytes], seconds: float) -> dict[str, object]:
    """Give a reader changed seeds for some time, and return the counts."""
    from reliability.bad.case import Case, judge
    from reliability.fuzzed import mutated

    drawn = random.Random(name)
    found = {"inputs": 0, "refused": 0, "read": 0, "wrong": 0, "seconds": round(seconds, 1)}
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            content = mutated(drawn.choice(seeds), seeds, drawn)
            case = Case(name, "fuzzed", lambda place, content=content: read(content, place))
            with contextlib.redirect_stderr(io.StringIO()):
                judgement = judge(case, Path(folder))
            found["inputs"] += 1
            found["refused" if judgement.result == "refused" else "read"] += judgement.result in (
                "refused",
                "told",
                "accepted",
            )
            if judgement.result in ("traceback", "hang", "many lines"):
                found["wrong"] += 1
                (SEEDS / name).mkdir(parents=True, exist_ok=True)
                (SEEDS / name / f"{random.Random(content).randrange(16**8):08x}").write_bytes(content)
                print(f"{name}: {judgement.result}: {judgement.message}")
    return found


def main() -> None:
    """Fuzz the readers that the command line names."""
    from reliability.fuzzed import READERS, seeds_of

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", default=list(READERS), help=f"from {', '.join(READERS)}")
    parser.add_argument("--seconds", type=float, default=300.0, help="seconds for each reader")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    counts = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for name in options.readers:
        counts[name] = fuzz(name, READERS[name], seeds_of(name), options.seconds)
        print(f"{name}: {counts[name]}")
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(dict(sorted(counts.items())), indent=2) + "\n")


if __name__ == "__main__":
    main()
