"""Run a tiny run by two and four processes at once: `python tools/reliability/processes.py --cases 20`."""

import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import summaries
import tiny_runs
from tiny_runs import results

TITLE = "Several processes in one folder"
ABOUT = (
    "Two and four processes run the same experiment into the same folder, each a random time after the one before. All "
    "must end well, with the records of a single run, and no file may be left."
)


def case(seed: int, count: int, reference: dict[str, Any], place: Path) -> dict[str, Any]:
    """Return what became of some processes in one folder."""
    draw = random.Random(f"processes {seed} {count}")
    out = place / "run"
    logs = [place / f"log-{number}" for number in range(count)]
    children = []
    for log in logs:
        children.append(tiny_runs.fork(lambda: tiny_runs.run(out, page=False), log))
        time.sleep(draw.uniform(0.0, 0.3))
    ended = [tiny_runs.waited(child, log) for child, log in zip(children, logs, strict=True)]
    if any(one.status != 0 for one in ended):
        result = "failed"
    elif results(out) != reference:
        result = "other records"
    else:
        result = "leftovers" if tiny_runs.leftovers(out) else "identical"
    waited = sum("waits until it has ended" in line for one in ended for line in one.lines)
    shutil.rmtree(place)
    return {"seed": seed, "processes": count, "result": result, "waited": waited}


def main(cases: int, folder: Path) -> None:
    """Run all cases and write their results."""
    reference = results(tiny_runs.whole_run(folder, page=False))
    made = []
    for seed in range(cases):
        for count in (2, 4):
            place = folder / f"{seed}-{count}"
            place.mkdir()
            made.append(case(seed, count, reference, place))
            print(made[-1], flush=True)
            _write(made)


def _write(made: list[dict[str, Any]]) -> None:
    """Write the results of the cases so far."""
    rows: list[list[Any]] = []
    for count in (2, 4):
        own = [one for one in made if one["processes"] == count]
        counts = summaries.counted([one["result"] for one in own])
        rows += [[f"runs by {count} processes", len(own)], *([f"of these {name}", number] for name, number in counts)]
    command = "python tools/reliability/processes.py"
    summaries.write("processes", TITLE, ABOUT, ["", "number"], rows, made, command)


if __name__ == "__main__":
    sys.exit(summaries.started(main, default=20))
