"""The result of an attack on a model of dimensions in sentences, as the terminal shows them."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean

import numpy as np

from staanet.core.errors import StaanetError
from staanet.metrics.dimensions import ccc
from staanet.report.wording import percent
from staanet.tasks.answers import MovedFile
from staanet.tasks.attack import MoveResult
from staanet.tasks.wording import SHOWN, budget_and_use, flags, place

WAYS = {"up": "up ", "down": "down ", "either": ""}


def lines(result: MoveResult, out: Path, *, windows: bool = False) -> list[str]:
    """Return a line per file, and then the figures over all files and the flags.

    Args:
        result: The result.
        out: Where the files were written.
        windows: Whether every file and every window has a line. Otherwise a long recording has one line, and of many
            files only the first have one.
    """
    goal, files = result.goal, result.files
    reached = sum(file.reached for file in files)
    draws = [reached for file in files for reached in file.reached_control]
    far = f"{WAYS[goal.direction]}by {goal.distance:g} of the scale or more"
    mean = fmean(file.moved for file in files)
    return [
        *([_line(file) for file in files] if windows else _first_lines(files)),
        f"{out}: {result.dimensions[goal.output]} moved {far} in {reached} of {len(files)}, as read back from their "
        f"files ({percent(reached / len(files))} %); mean move {_signed(mean)}",
        *_others(result),
        f"CCC before and under attack: {', '.join(_concordance(files, name) for name in result.dimensions)}",
        f"control: noise of the same size on as many samples, {len(files[0].reached_control)} draws each, moves "
        f"{sum(draws)} of {len(draws)} as far ({percent(sum(draws) / len(draws))} %)",
        budget_and_use(result.budget, files),
        *flags(result),
    ]


def _first_lines(results: Sequence[MovedFile]) -> list[str]:
    files = [list(windows) for _, windows in groupby(results, lambda result: result.path)]
    more = len(files) - SHOWN
    return [
        *(_line(file[0]) if file[0].start is None else _recording(file) for file in files[:SHOWN]),
        *([f"... and {more} more; --windows shows all of them"] if more > 0 else []),
    ]


def _line(file: MovedFile) -> str:
    clean, adv = file.clean[file.dimension], file.adv[file.dimension]
    state = "reached" if file.reached else "not reached"
    return f"{place(file)}: {file.dimension} {clean:.3f} -> {adv:.3f} ({_signed(adv - clean)}, {state})"


def _recording(windows: Sequence[MovedFile]) -> str:
    """Return in how many windows of a long recording the goal was reached, and where the move is largest, as text."""
    largest = max(windows, key=lambda window: window.moved)
    reached = sum(window.reached for window in windows)
    return (
        f"{windows[0].path}: {largest.dimension} moved far enough in {reached} of {len(windows)} windows; the largest "
        f"move, {_signed(largest.moved)}, is in the window at {largest.start:.2f} s; --windows shows every window"
    )


def _others(result: MoveResult) -> list[str]:
    """Return how far the other outputs moved on average, as text."""
    names = [name for name in result.dimensions if name != result.dimensions[result.goal.output]]
    means = [f"{name} {_signed(fmean(file.adv[name] - file.clean[name] for file in result.files))}" for name in names]
    return [f"other dimensions, mean change: {', '.join(means)}"] if means else []


def _concordance(files: Sequence[MovedFile], name: str) -> str:
    """Return the CCC of a dimension before and under attack, or why there is none, as text."""
    rated = [file for file in files if name in file.ratings]
    if not rated:
        return f"{name} unknown without ratings (attack a prepared dataset that has them)"
    ratings = np.array([file.ratings[name] for file in rated])
    try:
        before, under = (
            ccc(np.array([outputs[name] for outputs in each]), ratings)
            for each in ([file.clean for file in rated], [file.adv for file in rated])
        )
    except StaanetError as error:
        return f"{name} undefined ({error})"
    return f"{name} {before:.2f} and {under:.2f}"


def _signed(move: float) -> str:
    """Return a move as a share of the scale; one that rounds to nothing has no minus.

    >>> _signed(-0.0004), _signed(-0.04)
    ('+0.000', '-0.040')
    """
    return f"{round(move, 3) + 0.0:+.3f}"
