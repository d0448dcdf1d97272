"""Checks of the numbers in the captions of tables."""

import re

import numpy as np

from verify.cases import Case
from verify.checks import Checks
from verify.formulae import largest_gap
from verify.rows_of_records import budget_text, lead_of
from verify.tables import SMALLEST_P, Table, as_text, number_agrees

CONDITIONS = re.compile(r"n = ([\d, ]+) clips of [\w, ]+, ([\d, ]+) speakers")
BUDGETS = re.compile(r"budget: (.*?); seed ([\d, ]+)")
SELECTION = re.compile(r"Settings were chosen on folds? ([\d, ]+), so that")
CHANCE = re.compile(r"([\d.]+) % for (\d+) classes")
GAPS = re.compile(
    r"The largest gap in robust accuracy on (\S+) over (\d+) attacks? on the same clips is ([\d.]+) points; if "
    r"speakers are assigned to the genders at random, the largest gap stays below ([\d.]+) points in 95 % of the "
    r"assignments \(p: (.*?)\)"
)


def check_caption(checks: Checks, place: str, table: Table, cases: list[Case]) -> None:
    """Check the conditions, the folds of a choice, the levels of chance and the largest gaps that a caption states."""
    for counts, speakers in CONDITIONS.findall(table.caption):
        _among(checks, place, counts.split(", "), {str(case.figures["n"]) for case in cases})
        _among(checks, place, speakers.split(", "), {str(case.figures["speakers"]) for case in cases})
    for budgets, seeds in BUDGETS.findall(table.caption):
        _among(checks, place, budgets.split(" or "), set(map(budget_text, cases)))
        _among(checks, place, seeds.split(", "), {str(case.names["seed"]) for case in cases})
    for folds in SELECTION.findall(table.caption):
        _among(checks, place, [folds], {_selection_folds(cases)})
    for shown, classes in CHANCE.findall(table.caption):
        share, known = 100 / int(classes), {str(case.clips.classes) for case in cases}
        checks.cell(f"{place}: chance", shown, f"{share:.6g}", number_agrees(shown, share) and classes in known)
    if found := GAPS.findall(table.caption):
        _check_gaps(checks, place, found, cases)


def _among(checks: Checks, place: str, shown: list[str], known: set[str]) -> None:
    for text in shown:
        checks.cell(f"{place}: caption", text, f"one of {', '.join(sorted(known))}", text in known)


def _selection_folds(cases: list[Case]) -> str:
    """Return the folds of the leading case on which settings were chosen."""
    study = cases[0].study
    lead = lead_of(study, cases)
    chosen = study.layout.get("selection_folds") or []
    return as_text(sorted(set(lead.names["folds"]) & set(chosen))) if lead else ""


def _check_gaps(checks: Checks, place: str, found: list[tuple[str, ...]], cases: list[Case]) -> None:
    """Check the largest gaps between the genders over all attacks on the same clips."""
    groups: dict[tuple[str, ...], list[Case]] = {}
    for case in cases:
        clips = sorted(row["id"] for row in case.rows if row["gender"])
        groups.setdefault((case.names["target"], *clips), []).append(case)
    waiting = [(target, len(own), _largest_gap(own)) for (target, *_), own in groups.items()]
    for target, count, *numbers in found:
        fitting = [
            gap for name, size, gap in waiting if gap and (name, str(size)) == (target, count) and _agree(numbers, gap)
        ]
        text = f"{count} attacks on {target}: {', '.join(numbers)}"
        checks.cell(f"{place}: caption: largest gap", text, "another one", bool(fitting))
    missing = sum(gap is not None for *_, gap in waiting) - len(found)
    checks.invariant(place, f"{missing} of the largest gaps are missing in the caption", holds=missing == 0)


def _agree(shown: list[str], gap: tuple[float, float, float]) -> bool:
    share, by_chance, p = gap
    small = shown[2] == f"< {SMALLEST_P}"
    return (
        number_agrees(shown[0], 100 * share)
        and number_agrees(shown[1], 100 * by_chance)
        and (p < SMALLEST_P if small else number_agrees(shown[2], p))
    )


def _largest_gap(cases: list[Case]) -> tuple[float, float, float] | None:
    by_clip = [{row["id"]: row for row in case.rows} for case in cases]
    clips = sorted(row["id"] for row in cases[0].rows if row["gender"])
    robust = np.array(
        [
            [own[clip]["label"] == own[clip]["predicted_clean"] == own[clip]["predicted_adv"] for own in by_clip]
            for clip in clips
        ],
        float,
    )
    first = by_clip[0]
    genders = np.array([first[clip]["gender"] for clip in clips])
    return largest_gap(robust, genders, np.array([first[clip]["speaker"] for clip in clips]))
