"""Results of each attack on the clips of male and of female speakers."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from staanet import metrics
from staanet.core.records import Interval, Record, Rows
from staanet.metrics import Outcome, wilson
from staanet.report.captions import chance
from staanet.report.cells import count_cell, number_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.tables import Section, Table
from staanet.report.wording import conditions

ALL = "all"
"""Value of `gender` for all clips together."""

CAPTION = (
    "Each attack on the clips of each gender: robust accuracy (clips that are classified correctly before and under "
    "the attack) and robust UAR, accuracy before and after the attack, and the share of predictions that it changed "
    "(ASR), over all clips and over the clips that were classified correctly before it, in % with 95 % confidence "
    "intervals over clips, which treat clips as independent. {chance} Further columns: the mean size of the "
    "perturbation, in samples and full scale or, in the feature domain, in features and their standard deviations; the "
    "mean confidence (largest softmax output) after the attack; and seconds per clip. {conditions}."
)
MEASURES = (
    *("n", "robust accuracy %", "robust UAR %", "clean %", "attacked %", "ASR %", "ASR among recognised %"),
    *("L0", "L1", "L2", "Linf", "mean change", "confidence", "s per clip"),
)
NO_CORRECT_CLIP = "no clip was classified correctly before the attack"


@dataclass(frozen=True)
class Case:
    """The fields that name an attack in the tables by gender."""

    attack: str
    domain: str
    source: str
    target: str
    corpus: str
    labels_from: str


NAMES = tuple(field.name for field in dataclasses.fields(Case))


@dataclass(frozen=True)
class Group(Case):
    """The result of an attack on the clips of one gender, or on all clips."""

    gender: str
    n: int
    speakers: int
    n_correct: int
    robust_accuracy: float
    robust_accuracy_ci: Interval
    robust_uar: float
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


def section(results: Results) -> Section | None:
    """Return the section, or None if the experiment does not separate genders."""
    if not results.layout.by_gender or not results.records:
        return None
    rows = groups(results.records, results.outcomes)
    return Section("By gender", table(rows, results.records), rows, FIELDS)


def groups(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[Group]:
    """Return the result of each record on all clips, followed by its result on the clips of each gender.

    Args:
        records: Pooled records.
        outcomes: Function that returns the per-clip outcomes of a record.
    """
    result = []
    for record in records:
        rows = outcomes(record)
        result.append(_group(record, ALL, rows, record.seconds_per_clip))
        for gender in genders_of(rows):
            result.append(_group(record, gender, [row for row in rows if row["gender"] == gender], None))
    return result


def genders_of(rows: Rows) -> list[str]:
    """Return the genders of the speakers of some clips, male before female."""
    return sorted({row["gender"] for row in rows if row["gender"]}, reverse=True)


def _group(record: Record, gender: str, rows: Rows, seconds: float | None) -> Group:
    outcome = Outcome.from_rows(rows, len(record.labels))
    values: dict[str, Any] = metrics.summary(outcome)
    correct = int(outcome.correct.sum())
    return Group(
        **{name: getattr(record, name) for name in NAMES},
        **{name: values[name] for name in FIELDS if name in values},
        gender=gender,
        n=len(rows),
        speakers=len({row["speaker"] for row in rows}),
        n_correct=correct,
        robust_accuracy_ci=wilson(values["robust_accuracy"], len(rows)),
        accuracy_clean_ci=wilson(values["accuracy_clean"], len(rows)),
        accuracy_adv_ci=wilson(values["accuracy_adv"], len(rows)),
        asr_ci=wilson(values["asr"], len(rows)),
        asr_correct_ci=wilson(values["asr_correct"], correct) if correct else None,
        seconds_per_clip=seconds,
    )


def table(rows: Sequence[Group], records: Sequence[Record]) -> Table:
    """Return the table, with a row per group.

    Args:
        rows: The groups.
        records: The records from which they were computed, whose conditions the caption states.
    """
    names = naming_fields(rows)
    cells = [
        [
            *map(text_cell, (*name_of(row, names), row.gender)),
            count_cell(row.n),
            percent_cell(row.robust_accuracy, row.robust_accuracy_ci),
            percent_cell(row.robust_uar),
            percent_cell(row.accuracy_clean, row.accuracy_clean_ci),
            percent_cell(row.accuracy_adv, row.accuracy_adv_ci),
            percent_cell(row.asr, row.asr_ci),
            percent_cell(row.asr_correct, row.asr_correct_ci, note=1),
            number_cell(row.l0, 0),
            number_cell(row.l1, 1),
            number_cell(row.l2, 2),
            number_cell(row.linf, 3),
            number_cell(row.mean_change, 6),
            number_cell(row.confidence_adv, 3),
            number_cell(row.seconds_per_clip, 3),
        ]
        for row in rows
    ]
    notes = [NO_CORRECT_CLIP] if any(row.asr_correct is None for row in rows) else []
    headings = [*(name.replace("_", " ") for name in names), "gender"]
    caption = CAPTION.format(chance=chance(records), conditions=conditions(records))
    return Table("gender", caption, headings, [("", MEASURES)], cells, notes)


def naming_fields(rows: Sequence[Case]) -> list[str]:
    """Return the fields that name a row: attack, domain and target, and those of the others that separate rows."""
    names = ["attack", "domain", "target"]
    for name in NAMES:
        if len({name_of(row, [*names, name]) for row in rows}) > len({name_of(row, names) for row in rows}):
            names.append(name)
    return names


def name_of(row: Case, names: Sequence[str]) -> tuple[str, ...]:
    """Return the values of the fields that name a row."""
    return tuple(getattr(row, name) for name in names)
