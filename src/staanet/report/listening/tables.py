"""What was counted in a listening test, as Markdown, CSV and sentences."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from staanet.report import tables
from staanet.report.listening.results import GUESSING, Counts, Row
from staanet.report.wording import interval, number, percent

LEVEL, SEEN, POWER = 0.05, 0.6, 0.8
"""Of a one-sided test of guessing: at which level it is to see which share, and how probably."""

HEADINGS = ("attack", "listeners", "trials", "correct", "share %", "50 % inside", "p", "by listener %")


def files(folder: Path, counts: Counts) -> dict[Path, str]:
    """Return the files that say what was counted, by their places in a folder of tables."""
    table = tables.grid(HEADINGS, map(cells, counts.rows), words=1)
    fields = [field.name for field in dataclasses.fields(Row)]
    return {
        folder / "listening.md": f"Listening test {counts.test}.\n\n{table}\n{' '.join(sentences(counts))}\n",
        folder / "listening.csv": tables.comma_separated(counts.rows, fields),
    }


def section(counts: Counts) -> dict[str, Any]:
    """Return what the page says of the counts."""
    rows = [cells(row) for row in counts.rows]
    return {"test": counts.test, "headings": HEADINGS, "rows": rows, "sentences": sentences(counts)}


def cells(row: Row) -> list[str]:
    """Return what the table says of a row."""
    attack = row.attack or "all attacks"
    by_listener = tables.UNDEFINED if row.share_by_listener is None else percent(row.share_by_listener)
    return [
        attack if row.catch_trials == "passed" else f"{attack}, missed a catch trial",
        *(str(row.listeners), str(row.trials), str(row.correct)),
        f"{percent(row.share)} {interval(row.share_ci)}",
        "yes" if row.guessing_inside else "no",
        "< 0.001" if row.p_value < 0.001 else number(row.p_value, 3),
        by_listener if row.share_by_listener_ci is None else f"{by_listener} {interval(row.share_by_listener_ci)}",
    ]


def sentences(counts: Counts) -> list[str]:
    """Return what has to be known to read the counts."""
    attentive = counts.listeners - counts.listeners_missed
    said = [
        "In each trial a listener heard a clip and its attacked twin as A and B, in random order, and said which of "
        f"them X was; guessing is right in {percent(GUESSING, 0)} %.",
        f"{attentive} of {counts.listeners} listeners passed every catch trial, in which the twin is drowned in noise "
        f"({counts.catch_correct} of {counts.catch_trials} of these trials were right)"
        + ("; the others are counted apart." if counts.listeners_missed else "."),
        "The interval of the share is the exact binomial one (Clopper-Pearson) at 95 %, and p the one-sided exact test "
        "of guessing. Both take the trials as independent, which those of one listener, or of one clip, hardly are.",
    ]
    if any(row.share_by_listener is not None for row in counts.rows):
        said.append(
            "By listener is the mean of the listeners' own shares, with Student's interval where they differ: it takes "
            "the listeners as independent, not the trials."
        )
    said.append(
        f"To see a share of {percent(SEEN, 0)} % with a probability of {percent(POWER, 0)} % takes "
        f"{trials_needed(SEEN, POWER)} trials, and an interval that holds {percent(GUESSING, 0)} % never shows that "
        "nothing can be heard."
    )
    if counts.skipped:
        said.append(f"Result files left out: {counts.skipped}; why was told when they were read.")
    return said


def trials_needed(share: float, power: float) -> int:
    """Return the fewest trials in which the test finds that a share is above guessing, with that probability.

    >>> trials_needed(0.6, 0.8)
    158
    """
    trials = np.arange(1, 10_000)
    fewest = binom.isf(LEVEL, trials, GUESSING) + 1  # right answers that guessing gives too rarely
    return int(trials[binom.sf(fewest - 1, trials, share) >= power][0])
