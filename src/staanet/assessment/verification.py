"""Verification of an evaluation: hashes of all files, and its figures computed again from the results of the clips."""

import json
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

from staanet.assessment.measurement import Row, read_rows
from staanet.assessment.result import evaluation
from staanet.assessment.runs import CLIPS, FILE
from staanet.assessment.settings import Curves
from staanet.core.checksums import CHECKSUMS
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.core.settings import validated
from staanet.core.verification import Verification

AGAIN = ("n", "accuracy_clean", "uar_clean", "accuracy_robust", "uar_robust", "accuracy_noise", "chance", "confusion")
"""Figures that are computed again from the results of the clips."""


def verify(folder: Path) -> Verification:
    """Verify the folder of an evaluation.

    Args:
        folder: Folder that `staanet evaluate` wrote.

    Raises:
        StaanetError: It holds no evaluation.
    """
    if not (folder / FILE).is_file():
        raise StaanetError(f"{folder}: expected a folder that `staanet evaluate` wrote, found no {FILE} in it")
    found = Verification(folder)
    inner = sorted(path.parent for path in folder.rglob(CHECKSUMS) if path.parent != folder)
    found.check_files([folder, *inner])
    try:
        _check_figures(folder, found)
    except (StaanetError, KeyError, TypeError, AttributeError) as error:
        found.problems.append(
            f"{folder / FILE}: expected an evaluation as this version writes it, got another ({error})"
        )
    found.not_checked.append(f"{folder}: attacks were not run again, because the folder does not hold the model")
    return found


def _check_figures(folder: Path, found: Verification) -> None:
    """Check that the figures follow from the results of the clips, and these from those of the batches."""
    held, rows = read_json(folder / FILE), read_rows(folder / CLIPS)
    about = held["about"]
    found.outcomes += len(rows)
    _check_parts(folder, about["signature"], rows, found)
    curves = validated(Curves, about["settings"]["curves"], str(folder / FILE))
    labels = tuple(held["confusion"])
    again: dict[str, Any] = json.loads(
        json.dumps(evaluation(held["model"], rows, curves, labels, held["flags"], about).as_json())
    )
    found.records += 1
    found.problems += [
        f"{folder / FILE}: expected {name} = {again[name]} from the results of the clips, got {held[name]}"
        for name in AGAIN
        if again[name] != held[name]
    ]
    pairs: Iterable[tuple[Any, Any]] = zip_longest(again["curve"], held["curve"], fillvalue={})
    curve = [{**own, **point} for own, point in pairs]  # figures that an older version did not have are not compared
    if again["curve"] != curve:
        found.problems.append(f"{folder / FILE}: expected the curve of the results of the clips, got another")


def _check_parts(folder: Path, signature: str, rows: list[Row], found: Verification) -> None:
    """Check that the results of the clips are those of the batches."""
    parts = [path for path in sorted((folder / "parts" / signature).glob("*.json")) if path.stem.isdecimal()]
    if parts and [row for part in parts for row in read_rows(part)] != rows:
        found.problems.append(f"{folder / CLIPS}: expected the results in parts/{signature}, got others")
