"""Results of a listening test as Markdown and CSV tables, and the sentences that explain them."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from staanet.report import tables
from staanet.report.cells import UNDEFINED
from staanet.report.listening.results import GUESSING, Counts, Row
from staanet.report.wording import interval, p_value, percent

LEVEL, DETECTED, POWER = 0.05, 0.6, 0.8
"""Significance level of the one-sided test against guessing, and the share that it should detect with this power."""

HEADINGS = ("attack", "listeners", "trials", "correct", "share %", "50 % inside", "p", "by listener %")


def files(folder: Path, counts: Counts) -> dict[Path, str]:
    """Return the contents of the table files of a listening test, by their paths in a folder."""
    table = tables.grid(HEADINGS, map(cells, counts.rows), words=1)
    fields = [field.name for field in dataclasses.fields(Row)]
    return {
        folder / "listening.md": f"Listening test {counts.test}.\n\n{table}\n{' '.join(sentences(counts))}\n",
        folder / "listening.csv": tables.comma_separated(counts.rows, fields),
    }


def section(counts: Counts) -> dict[str, Any]:
    """Return the table and the sentences that the page shows."""
    rows = [cells(row) for row in counts.rows]
    return {"test": counts.test, "headings": HEADINGS, "rows": rows, "sentences": sentences(counts)}


def cells(row: Row) -> list[str]:
    """Return the texts of a row of the table."""
    attack = row.attack or "all attacks"
    by_listener = UNDEFINED if row.share_by_listener is None else percent(row.share_by_listener)
    return [
        attack if row.catch_trials == "passed" else f"{attack}, missed a catch trial",
        *(str(row.listeners), str(row.trials), str(row.correct)),
        f"{percent(row.share)} {interval(row.share_ci)}",
        "yes" if row.guessing_inside else "no",
        p_value(row.p_value),
        by_listener if row.share_by_listener_ci is None else f"{by_listener} {interval(row.share_by_listener_ci)}",
    ]


def sentences(counts: Counts) -> list[str]:
    """Return the sentences that a reader needs to interpret the counts."""
    attentive = counts.listeners - counts.listeners_missed
    text = [
        "In each trial, a listener compared an original clip and its adversarial version, played as A and B in random "
        f"order, and decided which of them X was. Guessing is correct in {percent(GUESSING, 0)} % of trials.",
        f"{attentive} of {counts.listeners} listeners passed every catch trial, in which the other clip is masked by "
        f"noise ({counts.catch_correct} of {counts.catch_trials} catch trials were answered correctly)"
        + ("; the results of the others are shown separately." if counts.listeners_missed else "."),
        "The interval of the share is the exact binomial interval (Clopper-Pearson) at 95 %, and p is the p-value of "
        "the one-sided exact test against guessing. Both treat the trials as independent, although trials of one "
        "listener or of one clip are correlated.",
    ]
    if any(row.share_by_listener is not None for row in counts.rows):
        text.append(
            "By listener is the mean of the shares of the listeners, with Student's interval if the shares differ. It "
            "treats listeners, and not trials, as independent."
        )
    text.append(
        f"Detecting a share of {percent(DETECTED, 0)} % with {percent(POWER, 0)} % power takes "
        f"{trials_needed(DETECTED, POWER)} trials, and an interval that contains {percent(GUESSING, 0)} % does not "
        "prove that the perturbation is inaudible."
    )
    if counts.skipped:
        text.append(f"Skipped result files: {counts.skipped}. The reasons were reported when the files were read.")
    return text


def trials_needed(share: float, power: float) -> int:
    """Return the smallest number of trials with which the test detects a share above guessing with the given power.

    >>> trials_needed(0.6, 0.8)
    158
    """
    trials = np.arange(1, 10_000)
    fewest = binom.isf(LEVEL, trials, GUESSING) + 1  # smallest significant number of correct answers
    return int(trials[binom.sf(fewest - 1, trials, share) >= power][0])
