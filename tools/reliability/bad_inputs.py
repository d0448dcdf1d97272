"""Gives every reader the bad inputs of `tests/reliability/bad` and writes what happened.

    python tools/reliability/bad_inputs.py

writes `results/reliability/bad-inputs.json`: for each reader the number of cases by result, and each case that ended in
another way than in one line or in a line about what was left out.
"""

import contextlib
import io
import json
import logging
import platform
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
RESULTS = HERE / "results" / "reliability" / "bad-inputs.json"

sys.path.insert(0, str(HERE / "tests"))


def main() -> None:
    """Run the table."""
    from reliability.bad.case import judge
    from reliability.bad.table import cases

    logging.disable(logging.WARNING)
    readers: dict[str, Counter[str]] = defaultdict(Counter)
    wrong, longest = [], 0.0
    for case in cases():
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            judgement = judge(case, Path(folder))
        readers[case.reader][judgement.result] += 1
        longest = max(longest, judgement.seconds)
        if not judgement.right:
            wrong.append({key: str(value).replace(folder, "") for key, value in asdict(judgement).items()})
    total = sum(readers.values(), Counter())
    about = {
        "cases": total.total(),
        "results": dict(total),
        "readers": {reader: dict(counts) for reader, counts in sorted(readers.items())},
        "wrong": wrong,
        "longest_seconds": round(longest, 2),
        "python": platform.python_version(),
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    print(f"{total.total()} bad inputs: {dict(total)}; {RESULTS.relative_to(HERE)}")


if __name__ == "__main__":
    main()
