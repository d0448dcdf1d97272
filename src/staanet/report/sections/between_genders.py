"""Difference between the genders under each attack, tested against differences between speakers."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from staanet.core.records import Record, Rows
from staanet.metrics.groups import largest_gap
from staanet.metrics.significance import by_permutation, holm
from staanet.report.cells import Cell, p_value_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.rows import is_fooled, is_robust
from staanet.report.sections.gender import NAMES, Case, genders_of, name_of, naming_fields
from staanet.report.tables import Section, Table
from staanet.report.wording import p_value, percent, unique

CAPTION = (
    "Difference between clips of male and of female speakers (male − female) under each attack, in percentage points: "
    "robust accuracy (clips that are classified correctly before and under the attack), accuracy after it, and ASR "
    "among the clips that were classified correctly before it. p: permutation test that reassigns whole speakers to "
    "the genders; p, Holm: the same after Holm's correction for all attacks on the target."
)
GROUPS = {"robust_accuracy": "robust accuracy", "accuracy": "accuracy", "asr_correct": "ASR among recognised"}
"""Heading of each group of columns, by the name with which the fields of its figures begin."""
MEASURES = ("male − female", "p", "p, Holm")
UNDEFINED_NOTE = "a gender has no such clips, or fewer than two speakers"


@dataclass(frozen=True)
class Contrast(Case):
    """The difference male - female under an attack; p-values are None if a gender has fewer than two speakers.

    The fields `largest_gap` are about robust accuracy under all attacks on the same clips of the target: the largest
    difference between the genders, the largest that arises by chance (95 % quantile), and its p-value.
    """

    robust_accuracy_difference: float | None
    robust_accuracy_p: float | None
    robust_accuracy_p_holm: float | None
    accuracy_difference: float | None
    accuracy_p: float | None
    accuracy_p_holm: float | None
    asr_correct_difference: float | None
    asr_correct_p: float | None
    asr_correct_p_holm: float | None
    largest_gap: float | None = None
    largest_gap_by_chance: float | None = None
    largest_gap_p: float | None = None


FIELDS = tuple(field.name for field in dataclasses.fields(Contrast))


def section(results: Results) -> Section | None:
    """Return the section, or None if the experiment does not separate genders or its clips have only one."""
    if not results.layout.by_gender:
        return None
    rows = contrasts(results.records, results.outcomes)
    return Section("Between the genders", table(rows), rows, FIELDS) if rows else None


def contrasts(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[Contrast]:
    """Return the difference between the genders under each attack.

    Records whose clips do not have exactly two genders are skipped. p-values are corrected for all attacks on the same
    target.

    Args:
        records: Pooled records.
        outcomes: Function that returns the per-clip outcomes of a record.
    """
    by_clips: dict[tuple[Any, ...], list[tuple[int, Rows]]] = {}
    for place, record in enumerate(records):
        rows = sorted((row for row in outcomes(record) if row["gender"]), key=lambda row: row["id"])
        if len(genders_of(rows)) == 2:
            by_clips.setdefault((record.target, *(row["id"] for row in rows)), []).append((place, rows))
    uncorrected = {
        place: _contrast(records[place], rows, gap)
        for cases in by_clips.values()
        for gap in [_largest_gap([rows for _, rows in cases])]
        for place, rows in cases
    }
    found = [uncorrected[place] for place in sorted(uncorrected)]
    return [
        contrast
        for target in unique(contrast.target for contrast in found)
        for contrast in _corrected([contrast for contrast in found if contrast.target == target])
    ]


def _largest_gap(cases: Sequence[Rows]) -> dict[str, float]:
    """Return the fields on the largest gap over cases with the same clips; none if a gender has one speaker only."""
    clips = cases[0]
    if min(len({row["speaker"] for row in clips if row["gender"] == gender}) for gender in genders_of(clips)) < 2:
        return {}
    robust = np.array([[float(is_robust(row)) for row in rows] for rows in cases]).T  # [N, cases]
    gap = largest_gap(robust, [row["gender"] for row in clips], [row["speaker"] for row in clips])
    if gap is None:
        return {}
    return {"largest_gap": gap.gap, "largest_gap_by_chance": gap.by_chance, "largest_gap_p": gap.p_value}


def _contrast(record: Record, rows: Rows, gap: Mapping[str, float]) -> Contrast:
    recognised = [row for row in rows if row["predicted_clean"] == row["label"]]
    clips = {
        "robust_accuracy": [(row["gender"], row["speaker"], is_robust(row)) for row in rows],
        "accuracy": [(row["gender"], row["speaker"], row["predicted_adv"] == row["label"]) for row in rows],
        "asr_correct": [(row["gender"], row["speaker"], is_fooled(row)) for row in recognised],
    }
    values: dict[str, Any] = dict(gap)
    for name in GROUPS:
        values[f"{name}_difference"], values[f"{name}_p"] = _difference(clips[name])
        values[f"{name}_p_holm"] = None
    return Contrast(**{name: getattr(record, name) for name in NAMES}, **values)


def _difference(clips: Sequence[tuple[str, str, bool]]) -> tuple[float | None, float | None]:
    """Return the share of male clips minus the share of female clips, and its p-value; None if a gender has no clips.

    Args:
        clips: Gender, speaker and whether the clip counts, for each clip.
    """
    values = np.array([float(hit) for *_, hit in clips])
    sides = [[hit for gender, _, hit in clips if gender == side] for side in ("male", "female")]
    if not all(sides):
        return None, None
    p = by_permutation(values, [speaker for _, speaker, _ in clips], [gender for gender, *_ in clips])
    return float(np.mean(sides[0]) - np.mean(sides[1])), p


def _corrected(contrasts: list[Contrast]) -> list[Contrast]:
    """Return contrasts on one target with their p-values after Holm's correction."""
    contrasts = list(contrasts)
    for name in (f"{group}_p" for group in GROUPS):
        known = [index for index, contrast in enumerate(contrasts) if getattr(contrast, name) is not None]
        for index, p in zip(known, holm([getattr(contrasts[index], name) for index in known]), strict=True):
            changes: dict[str, Any] = {f"{name}_holm": p}
            contrasts[index] = dataclasses.replace(contrasts[index], **changes)
    return contrasts


def table(rows: Sequence[Contrast]) -> Table:
    """Return the table, with a row per attack."""
    names = naming_fields(rows)
    cells = [
        [
            *map(text_cell, name_of(row, names)),
            *(cell for group in GROUPS for cell in _cells(row, group)),
        ]
        for row in rows
    ]
    undefined = any(getattr(row, f"{group}_p") is None for row in rows for group in GROUPS)
    headings = [name.replace("_", " ") for name in names]
    groups: list[tuple[str, tuple[str, ...]]] = [(heading, MEASURES) for heading in GROUPS.values()]
    return Table(
        "between_genders", CAPTION + _of_gaps(rows), headings, groups, cells, [UNDEFINED_NOTE] if undefined else []
    )


def _of_gaps(rows: Sequence[Contrast]) -> str:
    """Return sentences on the largest gap of each target, each with a space before it."""
    cases: dict[tuple[str, float, float, float], int] = {}
    for row in rows:
        if row.largest_gap is not None and row.largest_gap_by_chance is not None and row.largest_gap_p is not None:
            gap = (row.target, row.largest_gap, row.largest_gap_by_chance, row.largest_gap_p)
            cases[gap] = cases.get(gap, 0) + 1
    return "".join(
        f" The largest gap in robust accuracy on {target} over {count} attack{'s' if count > 1 else ''} on the same "
        f"clips is {percent(gap)} points; if speakers are assigned to the genders at random, the largest gap stays "
        f"below {percent(by_chance)} points in 95 % of the assignments (p: {p_value(p)})."
        for (target, gap, by_chance, p), count in cases.items()
    )


def _cells(row: Contrast, group: str) -> list[Cell]:
    """Return the difference in a group of columns and its p-values."""
    difference, *p_values = (getattr(row, f"{group}_{name}") for name in ("difference", "p", "p_holm"))
    return [percent_cell(difference, note=1), *(p_value_cell(value, note=1) for value in p_values)]
