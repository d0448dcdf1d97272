"""Defended models, under attacks that ignore the defence and under attacks that take it into account."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from staanet.core.records import Interval, Record
from staanet.report.cells import Cell, count_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.tables import Section, Table
from staanet.report.wording import interval, percent

CAPTION = (
    "ASR of each attack on each defended model, in %, with 95 % confidence intervals that allow for correlation "
    "between clips of a speaker. Before: the attack computed on the base model, to which the defence was added, and "
    "evaluated on it. Unaware: the same adversarial clips evaluated on the defended model. Adaptive: the attack "
    "computed on the defended model itself. Excess: ASR minus that of random noise of the same size on the same number "
    "of samples. Only robustness to the adaptive attack is evidence for a defence."
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
    uar_clean: float
    before: float | None
    before_ci: Interval | None
    before_excess: float | None
    unaware: float | None
    unaware_ci: Interval | None
    unaware_excess: float | None
    adaptive: float | None
    adaptive_ci: Interval | None
    adaptive_excess: float | None


FIELDS = tuple(field.name for field in dataclasses.fields(DefenceResult))


def section(results: Results) -> Section | None:
    """Return the section, or None if no defended model was evaluated together with its base model."""
    rows = defence_results(results.records)
    return Section("Defences", table(rows), rows, FIELDS) if rows else None


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
            field: value
            for column, record in zip(COLUMNS, three, strict=True)
            for field, value in {
                column: record and record.asr,
                f"{column}_ci": record and record.asr_speaker_ci,
                f"{column}_excess": record and record.asr_excess,
            }.items()
        }
        rows.append(DefenceResult(attack, name, defended.defence, base, defended.n, defended.uar_clean, **figures))  # type: ignore[arg-type]
    return rows


def _base_settings(settings: dict[str, object]) -> object:
    """Return the settings of the base model of a defended model; None if the model has no defence."""
    if "defence" not in settings or "base_model" in settings:
        return settings.get("base_model")
    return {key: value for key, value in settings.items() if key != "defence"}


def table(rows: Sequence[DefenceResult]) -> Table:
    """Return the table, with a row per attack and defended model."""

    def rates(row: DefenceResult) -> list[Cell]:
        cells = []
        for column in COLUMNS:
            rate, bounds, excess = (getattr(row, f"{column}{end}") for end in ("", "_ci", "_excess"))
            cells += [
                Cell("" if rate is None else percent(rate), rate, "" if bounds is None else interval(bounds)),
                Cell("" if excess is None else percent(excess), excess),
            ]
        return cells

    cells = [
        [
            *map(text_cell, (row.attack, row.target, row.defence, row.base_model)),
            count_cell(row.n),
            percent_cell(row.uar_clean),
            *rates(row),
        ]
        for row in rows
    ]
    groups: list[tuple[str, tuple[str, ...]]] = [("", ("n", "UAR"))]
    groups += [(column, ("ASR", "excess")) for column in COLUMNS]
    return Table("defences", CAPTION, ["attack", "model", "defence", "base model"], groups, cells)
