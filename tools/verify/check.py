"""The verification of published studies: what was checked, what differs, and what could not be checked."""

import sys
from collections.abc import Iterable
from pathlib import Path

from verify.checks import Checks
from verify.invariants import check_invariants
from verify.listening import check_listening
from verify.pages import check_tables
from verify.records import check_files, check_records
from verify.sentences import check_page
from verify.study import Study

DRAWN = "figure.svg of every study: it is drawn, and holds no figures as text"
RESULTS = Path(__file__).resolve().parents[2] / "results"


def verify(folder: Path) -> Checks:
    """Check the records, clips, tables and sentences of a published study.

    Args:
        folder: Folder of the study.
    """
    checks = Checks(folder.name)
    try:
        study = Study.read(folder)
    except (OSError, ValueError, KeyError) as error:
        checks.differ(f"expected the files of a published study, got {type(error).__name__}: {error}")
        return checks
    if not check_files(study, checks):
        return checks
    for check in (check_records, check_invariants, check_tables, check_listening, check_page):
        check(study, checks)
    return checks


def main(arguments: list[str]) -> int:
    """Check all studies of a folder, print a line per study and per difference, and return the exit status.

    Args:
        arguments: The folder; by default `results` of this project.
    """
    results = Path(arguments[0]) if arguments else RESULTS
    folders = sorted(path.parent for path in results.glob("*/records.jsonl"))
    if not folders:
        print(f"{results}: expected folders of published studies, found none", file=sys.stderr)
        return 2
    found = []
    for folder in folders:
        checks = verify(folder)
        found.append(checks)
        print(f"{checks.study}: {_counted(checks)}, {len(checks.differences)} differ", flush=True)
    pages = [f"{page.name}: a page on several studies" for page in sorted(results.glob("*.md"))]
    names = [f"{checks.study}: {name}" for checks in found for name in checks.unchecked]
    _list("Could not be checked:", [DRAWN, *pages, *names])
    different = [sentence for checks in found for sentence in checks.differences]
    _list("Differences:", different)
    total = sum((checks.counts for checks in found), start=Checks("").counts)
    print(f"{sum(total.values())} checks of {len(found)} studies, {len(different)} differ")
    return int(bool(different))


def _counted(checks: Checks) -> str:
    return ", ".join(f"{checks.counts[kind]} {kind}" for kind in ("figures", "cells", "invariants"))


def _list(heading: str, lines: Iterable[str]) -> None:
    if listed := list(lines):
        print(heading, *(f"  {line}" for line in listed), sep="\n")
