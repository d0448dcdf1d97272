"""The same figures for the clips of each gender, and whether genders differ by more than their speakers do."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from staanet import metrics
from staanet.core.records import Interval, Record
from staanet.evaluation.case import Rows
from staanet.metrics import Outcome, wilson
from staanet.metrics.significance import by_permutation, holm
from staanet.report.tables import UNDEFINED, Cell, Table
from staanet.report.wording import conditions, interval, number, percent, unique

ALL = "all"
CAPTION = (
    "Every attack on the clips of each gender: accuracy before and after it, the predictions that it changed (ASR), "
    "among all clips and among those recognised before it, in % with 95 % intervals over clips; the means of what it "
    "changed, in samples and full scale or, in the feature domain, in features and their deviations; of the largest "
    "softmax afterwards; and seconds per clip. {conditions}."
)
MEASURES = (
    *("n", "clean %", "attacked %", "ASR %", "ASR among recognised %"),
    *("L0", "L1", "L2", "Linf", "mean change", "confidence", "s per clip"),
)
CONTRAST = (
    "Male less female clips under each attack, in points: what is left of the accuracy, and the ASR among recognised "
    "clips; with p-values of permutations of the speakers, and the same after Holm's correction for all attacks."
)
CONTRASTED = {"accuracy": ("male − female", "p", "p, Holm"), "ASR among recognised": ("male − female", "p", "p, Holm")}


@dataclass(frozen=True)
class Group:
    """The clips of a gender, or all, under an attack."""

    attack: str
    domain: str
    source: str
    target: str
    corpus: str
    labels_from: str
    gender: str
    n: int
    speakers: int
    n_correct: int
    accuracy_clean: float
    accuracy_clean_ci: Interval
    accuracy_adv: float
    accuracy_adv_ci: Interval
    asr: float
    asr_ci: Interval
    asr_correct: float | None
    asr_correct_ci: Interval | None
    l0: float | None
    l1: float | None
    l2: float | None
    linf: float | None
    mean_change: float | None
    confidence_clean: float | None
    confidence_adv: float | None
    seconds_per_clip: float | None


FIELDS = tuple(field.name for field in dataclasses.fields(Group))
OWN = ("attack", "domain", "source", "target", "corpus", "labels_from")
"""What a group and a contrast take from their record."""


def groups(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[Group]:
    """Return the clips of each record, all of them and then those of each gender.

    Args:
        records: pooled.
        outcomes: returns the rows of a record.
    """
    found = []
    for record in records:
        rows = outcomes(record)
        found.append(_group(record, ALL, rows, record.seconds_per_clip))
        for gender in _genders(rows):
            found.append(_group(record, gender, [row for row in rows if row["gender"] == gender], None))
    return found


def _genders(rows: Rows) -> list[str]:
    return sorted({row["gender"] for row in rows if row["gender"]}, reverse=True)


def _group(record: Record, gender: str, rows: Rows, seconds: float | None) -> Group:
    outcome = Outcome.from_rows(rows, len(record.labels))
    values: dict[str, Any] = metrics.summary(outcome)
    correct = int(outcome.correct.sum())
    return Group(
        **{name: getattr(record, name) for name in OWN},
        **{name: values[name] for name in FIELDS if name in values},
        gender=gender,
        n=len(rows),
        speakers=len({row["speaker"] for row in rows}),
        n_correct=correct,
        accuracy_clean_ci=wilson(values["accuracy_clean"], len(rows)),
        accuracy_adv_ci=wilson(values["accuracy_adv"], len(rows)),
        asr_ci=wilson(values["asr"], len(rows)),
        asr_correct_ci=wilson(values["asr_correct"], correct) if correct else None,
        seconds_per_clip=seconds,
    )


def table(found: Sequence[Group], records: Sequence[Record]) -> Table:
    """Arrange groups into a table: a row each."""

    def share(value: float | None, bounds: Interval | None) -> Cell:
        if value is None:
            return Cell(UNDEFINED, None, note=1)
        return Cell(percent(value), value, interval(bounds) if bounds else "")

    def size(value: float | None, decimals: int) -> Cell:
        return Cell(UNDEFINED, None) if value is None else Cell(number(value, decimals), value)

    names = _names(found)
    rows = [
        [
            *(Cell(name, name) for name in (*_named(group, names), group.gender)),
            Cell(str(group.n), group.n),
            share(group.accuracy_clean, group.accuracy_clean_ci),
            share(group.accuracy_adv, group.accuracy_adv_ci),
            share(group.asr, group.asr_ci),
            share(group.asr_correct, group.asr_correct_ci),
            size(group.l0, 0),
            size(group.l1, 1),
            size(group.l2, 2),
            size(group.linf, 3),
            size(group.mean_change, 6),
            size(group.confidence_adv, 3),
            size(group.seconds_per_clip, 3),
        ]
        for group in found
    ]
    notes = ["no clip was recognised before the attack"] if any(group.asr_correct is None for group in found) else []
    heads = [*(name.replace("_", " ") for name in names), "gender"]
    return Table("gender", CAPTION.format(conditions=conditions(records)), heads, [("", MEASURES)], rows, notes)


def _names(found: Sequence["Group | Contrast"]) -> list[str]:
    """Return the fields that name a row: attack, domain and target, and of the others those that tell rows apart."""
    names = ["attack", "domain", "target"]
    for name in OWN:
        if len({_named(row, [*names, name]) for row in found}) > len({_named(row, names) for row in found}):
            names.append(name)
    return names


def _named(row: "Group | Contrast", names: Sequence[str]) -> tuple[str, ...]:
    return tuple(getattr(row, name) for name in names)


@dataclass(frozen=True)
class Contrast:
    """Male less female clips under an attack; p-values are None where a gender has fewer than two speakers."""

    attack: str
    domain: str
    source: str
    target: str
    corpus: str
    labels_from: str
    accuracy_difference: float | None
    accuracy_p: float | None
    accuracy_p_holm: float | None
    asr_correct_difference: float | None
    asr_correct_p: float | None
    asr_correct_p_holm: float | None


CONTRAST_FIELDS = tuple(field.name for field in dataclasses.fields(Contrast))


def contrasts(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[Contrast]:
    """Return how the genders differ under each attack; nothing of records whose clips have not exactly two.

    Args:
        records: pooled; p-values are corrected for the attacks on a target.
        outcomes: returns the rows of a record.
    """
    found = []
    for record in records:
        rows = outcomes(record)
        if len(_genders(rows)) != 2:
            continue
        right = [(row["gender"], row["speaker"], row["predicted_adv"] == row["label"]) for row in rows]
        recognised = [row for row in rows if row["predicted_clean"] == row["label"]]
        fooled = [(row["gender"], row["speaker"], row["predicted_adv"] != row["label"]) for row in recognised]
        (accuracy, accuracy_p), (asr, asr_p) = _difference(right), _difference(fooled)
        place = {name: getattr(record, name) for name in OWN}
        found.append(
            Contrast(
                **place,
                accuracy_difference=accuracy,
                accuracy_p=accuracy_p,
                accuracy_p_holm=None,
                asr_correct_difference=asr,
                asr_correct_p=asr_p,
                asr_correct_p_holm=None,
            )
        )
    corrected: list[Contrast] = []
    for target in unique(contrast.target for contrast in found):
        own = [contrast for contrast in found if contrast.target == target]
        for name in ("accuracy_p", "asr_correct_p"):
            known = [row for row, contrast in enumerate(own) if getattr(contrast, name) is not None]
            for row, p in zip(known, holm([getattr(own[row], name) for row in known]), strict=True):
                changes: dict[str, Any] = {f"{name}_holm": p}
                own[row] = dataclasses.replace(own[row], **changes)
        corrected += own
    return corrected


def _difference(clips: Sequence[tuple[str, str, bool]]) -> tuple[float | None, float | None]:
    """Return the share of male clips less that of female ones, and its p-value; None where there are none."""
    values = np.array([float(hit) for *_, hit in clips])
    sides = [[hit for gender, _, hit in clips if gender == side] for side in ("male", "female")]
    if not all(sides):
        return None, None
    p = by_permutation(values, [speaker for _, speaker, _ in clips], [gender for gender, *_ in clips])
    return float(np.mean(sides[0]) - np.mean(sides[1])), p


def contrast_table(found: Sequence[Contrast]) -> Table:
    """Arrange contrasts into a table: a row each."""

    def p(value: float | None) -> Cell:
        if value is None:
            return Cell(UNDEFINED, None, note=1)
        return Cell("< 0.001" if value < 0.001 else number(value, 3), value)

    def points(value: float | None) -> Cell:
        return Cell(UNDEFINED, None, note=1) if value is None else Cell(percent(value), value)

    names = _names(found)
    rows = [
        [
            *(Cell(name, name) for name in _named(row, names)),
            *(points(row.accuracy_difference), p(row.accuracy_p), p(row.accuracy_p_holm)),
            *(points(row.asr_correct_difference), p(row.asr_correct_p), p(row.asr_correct_p_holm)),
        ]
        for row in found
    ]
    lacking = any(row.accuracy_p is None or row.asr_correct_p is None for row in found)
    notes = ["a gender has no such clips, or fewer than two speakers"] if lacking else []
    heads = [name.replace("_", " ") for name in names]
    return Table("between_genders", CONTRAST, heads, list(CONTRASTED.items()), rows, notes)
