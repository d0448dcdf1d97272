"""Results of the reliability scripts: one JSON file per table in `results/reliability`, and the page of all tables.

`python tools/reliability/summaries.py` writes docs/reliability.md again from the files that are there.
"""

import argparse
import os
import tempfile
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from staanet.core.files import read_json, write_json, write_text
from staanet.core.provenance import commit
from staanet.report.tables import grid

ROOT = Path(__file__).resolve().parents[2]

RESULTS = ROOT / "results" / "reliability"

PAGE = ROOT / "docs" / "reliability.md"

HEAD = """# Reliability

What happens when a run is killed, when its files are damaged, when several processes share its folder, and when input
is wrong: each table is written from the results of one command, which are in
[results/reliability](../results/reliability) with a line per case. A wrong answer without a word counts as silent.

A run verifies what it finds before it uses it: every folder of results has checksums (`checksums.jsonl`), size and
times are compared each time, and contents are hashed when these differ. `staanet verify RUN` hashes all contents,
computes all records again from their outcomes, and computes a sample of outcomes again from the stored audio and
models.
"""


def started(main: Callable[[int, Path], None], default: int) -> int:
    """Run a script in a folder for temporary files, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=default, help="Number of cases.")
    cases = parser.parse_args().cases
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        main(cases, Path(folder))
    write_page()
    return 0


def counted(results: Sequence[str]) -> list[list[Any]]:
    """Return how often each result occurred, as rows of a table."""
    return [[name, number] for name, number in sorted(Counter(results).items(), key=lambda one: -one[1])]


def write(
    name: str,
    title: str,
    about: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    cases: Sequence[Any],
    command: str,
) -> None:
    """Write the results of a script.

    Args:
        name: Name of the file.
        title: Title of the table.
        about: What was done and what must hold.
        columns: Names of the columns.
        rows: Rows of the table.
        cases: What became of each case.
        command: The command that was run.
    """
    tree, clean = commit()
    facts = {"title": title, "about": about, "command": command, "commit": tree, "tree_clean": clean}
    write_json(RESULTS / f"{name}.json", {**facts, "columns": columns, "rows": rows, "cases": cases})


def write_page() -> None:
    """Write the page of all tables."""
    write_text(PAGE, page())


def page() -> str:
    """Return the page of all tables for which there are results."""
    found = {path.stem: read_json(path) for path in sorted(RESULTS.glob("*.json"))}
    sections = [section(found[name]) for name in ("kills", "damage", "processes", "cluster") if name in found]
    if "bad-inputs" in found:
        sections.append(section(_bad_inputs(found["bad-inputs"])))
    if "fuzzing" in found:
        sections.append(section(_fuzzing(found["fuzzing"])))
    return "\n".join([HEAD, *sections])


def section(held: Mapping[str, Any]) -> str:
    """Return a table with its title, what was done, and the command."""
    table = grid(list(held["columns"]), [list(map(str, row)) for row in held["rows"]], 1).rstrip()
    return f"## {held['title']}\n\n{wrapped(held['about'])}\n\n{table}\n\n```shell\n{held['command']}\n```\n"


def _bad_inputs(held: Mapping[str, Any]) -> dict[str, Any]:
    """Return the results of `bad_inputs.py` as a table."""
    kinds = sorted(held["results"])
    rows = [[reader, *(counts.get(kind, 0) for kind in kinds)] for reader, counts in held["readers"].items()]
    return {
        "title": "Bad inputs",
        "about": f"Every reader is given inputs that are wrong in a known way, {held['cases']} in all. Each must end "
        "in one line that says what was expected, or leave out what cannot be used with a line; the longest took "
        f"{held['longest_seconds']} s, and {len(held['wrong'])} ended in another way.",
        "columns": ["reader", *kinds],
        "rows": [*rows, ["all", *(held["results"][kind] for kind in kinds)]],
        "command": "python tools/reliability/bad_inputs.py",
    }


def _fuzzing(held: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the results of `fuzz.py` as a table."""
    columns = list(next(iter(held.values())))
    return {
        "title": "Fuzzing",
        "about": "Every reader is given files that were changed at random for some seconds. An input that was neither "
        "read nor refused in one line counts as wrong.",
        "columns": ["reader", *columns],
        "rows": [[reader, *(counts[name] for name in columns)] for reader, counts in held.items()],
        "command": "python tools/reliability/fuzz.py",
    }


def wrapped(text: str, width: int = 120) -> str:
    """Return text in lines of at most `width` characters."""
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    write_page()
