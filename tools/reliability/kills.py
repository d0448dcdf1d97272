"""Kill tiny runs at random moments, 100 times in all, and resume them: `python tools/reliability/kills.py`."""

import random
import shutil
import sys
from pathlib import Path
from typing import Any

import summaries
import tiny_runs
from tiny_runs import results

TITLE = "Kills"
ABOUT = (
    "A run is killed (SIGKILL) at a moment drawn uniformly from its duration, resumed, killed and resumed up to three "
    "times, and then finished. Its records, with the outcomes of all clips, must equal those of an uninterrupted run "
    "in every bit except for time and versions, and no file of a killed process may be left."
)


def case(seed: int, reference: dict[str, Any], seconds: float, place: Path) -> dict[str, Any]:
    """Return what became of a run that was killed.

    Args:
        seed: Seed of the moments.
        reference: Results of an uninterrupted run.
        seconds: How long that took.
        place: Folder for the run.
    """
    draw = random.Random(f"kill {seed}")
    out, log = place / "run", place / "log"
    kills = []
    for _ in range(draw.randint(1, 3)):
        log.unlink(missing_ok=True)
        moment = draw.uniform(0.0, seconds)
        ended = tiny_runs.killed_after(tiny_runs.fork(lambda: tiny_runs.run(out, page=False), log), moment, log)
        if ended.status == 0:
            break
        kills.append(round(moment, 3))
    log.unlink(missing_ok=True)
    ended = tiny_runs.waited(tiny_runs.fork(lambda: tiny_runs.run(out, page=False), log), log)
    if ended.status != 0:
        result = "traceback" if ended.status == tiny_runs.TRACEBACK else "refused"
    elif results(out) != reference:
        result = "other records"
    else:
        result = "leftovers" if tiny_runs.leftovers(out) else "identical"
    shutil.rmtree(place)
    return {"seed": seed, "kills": kills, "result": result, "lines": tiny_runs.without(out, ended.lines)}


def main(cases: int, folder: Path) -> None:
    """Run cases until there were that many kills, and write their results."""
    reference = results(tiny_runs.whole_run(folder, page=False))
    (folder / "timed").mkdir()
    times: list[float] = []
    with tiny_runs.measured(times):
        tiny_runs.whole_run(folder / "timed", page=False)
    made: list[dict[str, Any]] = []
    while sum(len(one["kills"]) for one in made) < cases:
        place = folder / str(len(made))
        place.mkdir()
        made.append(case(len(made), reference, times[0], place))
        print(made[-1], flush=True)
        _write(made)


def _write(made: list[dict[str, Any]]) -> None:
    """Write the results of the cases so far."""
    counts = summaries.counted([one["result"] for one in made])
    rows = [["runs", len(made)], ["kills", sum(len(one["kills"]) for one in made)], *counts]
    command = "python tools/reliability/kills.py"
    summaries.write("kills", TITLE, ABOUT, ["", "number"], rows, made, command)


if __name__ == "__main__":
    sys.exit(summaries.started(main, default=100))
