"""Defended models, under attacks that ignore the defence and under attacks that take it into account."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from staanet.core.records import Interval, Record
from staanet.report.captions import BY_FOLD, chance, control, intervals
from staanet.report.cells import Cell, count_cell, interval_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.tables import Section, Table
from staanet.report.wording import unique

CAPTION = (
    "Each attack on each defended model, in %: robust accuracy (clips that the model classifies correctly before and "
    "under the attack), robust UAR, ASR and excess. {chance} {intervals}.{by_fold} Before: the attack computed on the "
    "base model, to which the defence was added, and evaluated on it. Unaware: the same adversarial clips evaluated on "
    "the defended model. Adaptive: the attack computed on the defended model itself. Only robustness to the adaptive "
    "attack is evidence for a defence; the models of an attack are in the order of their robust accuracy under it. "
    "Excess, the ASR minus that of random noise of the same size on the same number of samples, rises if a model is "
    "hardened against noise: it says whether the attack does more than noise, and nothing about the defence.{control}"
)
COLUMNS = ("before", "unaware", "adaptive")


@dataclass(frozen=True)
class DefenceResult:
    """An attack on a defended model; values are None if the attack was not run."""

    attack: str
    target: str
    defence: str
    base_model: str
    n: int
    speakers: int
    chance: float
    uar_clean: float
    before_robust_accuracy: float | None
    before_robust_accuracy_ci: Interval | None
    before_robust_accuracy_fold_ci: Interval | None
    before_robust_uar: float | None
    before: float | None
    before_ci: Interval | None
    before_excess: float | None
    unaware_robust_accuracy: float | None
    unaware_robust_accuracy_ci: Interval | None
    unaware_robust_accuracy_fold_ci: Interval | None
    unaware_robust_uar: float | None
    unaware: float | None
    unaware_ci: Interval | None
    unaware_excess: float | None
    adaptive_robust_accuracy: float | None
    adaptive_robust_accuracy_ci: Interval | None
    adaptive_robust_accuracy_fold_ci: Interval | None
    adaptive_robust_uar: float | None
    adaptive: float | None
    adaptive_ci: Interval | None
    adaptive_excess: float | None


FIELDS = tuple(field.name for field in dataclasses.fields(DefenceResult))


def section(results: Results) -> Section | None:
    """Return the section, or None if no defended model was evaluated together with its base model."""
    rows = defence_results(results.records)
    return Section("Defences", table(rows, results.records), rows, FIELDS) if rows else None


def defence_results(records: Sequence[Record]) -> list[DefenceResult]:
    """Return the result of each attack on each defended model whose base model was evaluated too.

    Args:
        records: Pooled records.
    """
    models = {
        record.target: record.settings["target"]
        for record in records
        if isinstance(record.settings.get("target"), dict)  # it is a hash if the set was made elsewhere
    }
    cases = {(record.attack, record.source, record.target): record for record in records}
    base_models = {
        name: next((other for other, own in models.items() if own == _base_settings(settings)), None)
        for name, settings in models.items()
    }
    rows = []
    for attack, name in dict.fromkeys((record.attack, record.target) for record in records):
        if (base := base_models.get(name)) is None:
            continue
        three = [cases.get((attack, *case)) for case in ((base, base), (base, name), (name, name))]
        defended = three[2] or three[1]
        if defended is None or defended.defence is None:
            continue
        figures = {
            name: value
            for column, record in zip(COLUMNS, three, strict=True)
            for name, value in _figures(column, record).items()
        }
        rows.append(
            DefenceResult(
                attack=attack,
                target=name,
                defence=defended.defence,
                base_model=base,
                n=defended.n,
                speakers=defended.speakers,
                chance=defended.chance,
                uar_clean=defended.uar_clean,
                **figures,
            )
        )
    attacks = unique(row.attack for row in rows)
    return sorted(rows, key=lambda row: (attacks.index(row.attack), -_robustness(row)))


def _figures(column: str, record: Record | None) -> dict[str, Any]:
    """Return the fields of a column, which are None without a record."""
    return {
        f"{column}_robust_accuracy": record and record.robust_accuracy,
        f"{column}_robust_accuracy_ci": record and record.robust_accuracy_speaker_ci,
        f"{column}_robust_accuracy_fold_ci": record and record.robust_accuracy_fold_ci,
        f"{column}_robust_uar": record and record.robust_uar,
        column: record and record.asr,
        f"{column}_ci": record and record.asr_speaker_ci,
        f"{column}_excess": record and record.asr_excess,
    }


def _robustness(row: DefenceResult) -> float:
    """Return the robust accuracy under the adaptive attack; below zero without one, which is no evidence."""
    return -1.0 if row.adaptive_robust_accuracy is None else row.adaptive_robust_accuracy


def _base_settings(settings: dict[str, object]) -> object:
    """Return the settings of the base model of a defended model; None if the model has no defence."""
    if "defence" not in settings or "base_model" in settings:
        return settings.get("base_model")
    return {key: value for key, value in settings.items() if key != "defence"}


def table(rows: Sequence[DefenceResult], records: Sequence[Record]) -> Table:
    """Return the table, with a row per attack and defended model.

    Args:
        rows: The results.
        records: The records from which they were computed.
    """
    by_fold = any(getattr(row, f"{column}_robust_accuracy_fold_ci") for row in rows for column in COLUMNS)
    measures = ("robust accuracy", *(["by fold"] if by_fold else []), "robust UAR", "ASR", "excess")

    def rates(row: DefenceResult, column: str) -> list[Cell]:
        robust, bounds, fold_bounds, uar, asr, asr_bounds, excess = (
            getattr(row, name) for name in _figures(column, None)
        )
        cells = [percent_cell(robust, bounds), *([interval_cell(fold_bounds)] if by_fold else [])]
        cells += [percent_cell(uar), percent_cell(asr, asr_bounds), percent_cell(excess)]
        return [Cell("", None) if cell.value is None else cell for cell in cells]

    cells = [
        [
            *map(text_cell, (row.attack, row.target, row.defence, row.base_model)),
            count_cell(row.n),
            percent_cell(row.uar_clean),
            percent_cell(row.chance),
            *(cell for column in COLUMNS for cell in rates(row, column)),
        ]
        for row in rows
    ]
    caption = CAPTION.format(
        chance=chance(records),
        intervals=intervals(row.speakers for row in rows),
        by_fold=f" {BY_FOLD}" if by_fold else "",
        control=control([record for record in records if record.target in {row.target for row in rows}]),
    )
    groups: list[tuple[str, tuple[str, ...]]] = [("", ("n", "UAR", "chance"))]
    groups += [(column, measures) for column in COLUMNS]
    return Table("defences", caption, ["attack", "model", "defence", "base model"], groups, cells)
