"""Difference between the genders under each attack, tested against differences between speakers."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from staanet.core.records import Record, Rows
from staanet.metrics.significance import by_permutation, holm
from staanet.report.cells import p_value_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.sections.gender import NAMES, Case, genders_of, name_of, naming_fields
from staanet.report.tables import Section, Table
from staanet.report.wording import unique

CAPTION = (
    "Difference between clips of male and of female speakers (male − female) under each attack, in percentage points: "
    "accuracy after the attack, and ASR among the clips that were classified correctly before it. p: permutation test "
    "that reassigns whole speakers to the genders; p, Holm: the same after Holm's correction for all attacks on the "
    "target."
)
GROUPS = {"accuracy": ("male − female", "p", "p, Holm"), "ASR among recognised": ("male − female", "p", "p, Holm")}
UNDEFINED_NOTE = "a gender has no such clips, or fewer than two speakers"


@dataclass(frozen=True)
class Contrast(Case):
    """The difference male - female under an attack; p-values are None if a gender has fewer than two speakers."""

    accuracy_difference: float | None
    accuracy_p: float | None
    accuracy_p_holm: float | None
    asr_correct_difference: float | None
    asr_correct_p: float | None
    asr_correct_p_holm: float | None


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
    uncorrected = [_contrast(record, rows) for record in records if len(genders_of(rows := outcomes(record))) == 2]
    return [
        contrast
        for target in unique(contrast.target for contrast in uncorrected)
        for contrast in _corrected([contrast for contrast in uncorrected if contrast.target == target])
    ]


def _contrast(record: Record, rows: Rows) -> Contrast:
    correct = [(row["gender"], row["speaker"], row["predicted_adv"] == row["label"]) for row in rows]
    recognised = [row for row in rows if row["predicted_clean"] == row["label"]]
    fooled = [(row["gender"], row["speaker"], row["predicted_adv"] != row["label"]) for row in recognised]
    (accuracy, accuracy_p), (asr, asr_p) = _difference(correct), _difference(fooled)
    return Contrast(
        **{name: getattr(record, name) for name in NAMES},
        accuracy_difference=accuracy,
        accuracy_p=accuracy_p,
        accuracy_p_holm=None,
        asr_correct_difference=asr,
        asr_correct_p=asr_p,
        asr_correct_p_holm=None,
    )


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
    for name in ("accuracy_p", "asr_correct_p"):
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
            percent_cell(row.accuracy_difference, note=1),
            p_value_cell(row.accuracy_p, note=1),
            p_value_cell(row.accuracy_p_holm, note=1),
            percent_cell(row.asr_correct_difference, note=1),
            p_value_cell(row.asr_correct_p, note=1),
            p_value_cell(row.asr_correct_p_holm, note=1),
        ]
        for row in rows
    ]
    undefined = any(row.accuracy_p is None or row.asr_correct_p is None for row in rows)
    headings = [name.replace("_", " ") for name in names]
    return Table(
        "between_genders", CAPTION, headings, list(GROUPS.items()), cells, [UNDEFINED_NOTE] if undefined else []
    )
