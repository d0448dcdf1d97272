"""Defended models beside the models that they are of: under attacks that do not know of the defence, and that do."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from staanet.core.records import Interval, Record
from staanet.report.tables import Cell, Table
from staanet.report.wording import interval, percent

CAPTION = (
    "Each defended model under each attack, in %, with 95 % intervals that let clips of a speaker resemble each "
    "other. Before: the model that it is of, without the defence, under the attack made on that one; unaware: the "
    "same attacked clips on the defended model; adaptive: the attack made on the defended model. Excess: over noise "
    "of the same size and count on whoever decides. A defence is worth what is left under the adaptive attack."
)
COLUMNS = ("before", "unaware", "adaptive")


@dataclass(frozen=True)
class Defended:
    """An attack on a defended model; None where it was not made."""

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


FIELDS = tuple(field.name for field in dataclasses.fields(Defended))


def defended(records: Sequence[Record]) -> list[Defended]:
    """Return what each attack does to each defended model whose own model is there too.

    Args:
        records: pooled.
    """
    made_from = {
        record.target: record.settings["target"]
        for record in records
        if isinstance(record.settings.get("target"), dict)  # of a set made elsewhere it is a name
    }
    cases = {(record.attack, record.source, record.target): record for record in records}
    of = {
        name: next((other for other, own in made_from.items() if own == _of(settings)), None)
        for name, settings in made_from.items()
    }
    found = []
    for attack, name in dict.fromkeys((record.attack, record.target) for record in records):
        if (other := of.get(name)) is None:
            continue
        three = [cases.get((attack, *case)) for case in ((other, other), (other, name), (name, name))]
        told = three[2] or three[1]
        if told is None or told.defence is None:
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
        found.append(Defended(attack, name, told.defence, other, told.n, told.uar_clean, **figures))  # type: ignore[arg-type]
    return found


def _of(settings: dict[str, object]) -> object:
    """Return all that decides the model that a defended one is of, None where there is none."""
    if "defence" not in settings or "base_model" in settings:
        return settings.get("base_model")
    return {key: value for key, value in settings.items() if key != "defence"}


def table(found: Sequence[Defended]) -> Table:
    """Arrange what was found into a table: a row per attack and defended model."""

    def rates(row: Defended) -> list[Cell]:
        cells = []
        for column in COLUMNS:
            rate, bounds, excess = (getattr(row, f"{column}{end}") for end in ("", "_ci", "_excess"))
            cells += [
                Cell("" if rate is None else percent(rate), rate, "" if bounds is None else interval(bounds)),
                Cell("" if excess is None else percent(excess), excess),
            ]
        return cells

    rows = [
        [
            *(Cell(name, name) for name in (row.attack, row.target, row.defence, row.base_model)),
            Cell(str(row.n), row.n),
            Cell(percent(row.uar_clean), row.uar_clean),
            *rates(row),
        ]
        for row in found
    ]
    groups: list[tuple[str, tuple[str, ...]]] = [("", ("n", "UAR"))]
    groups += [(column, ("ASR", "excess")) for column in COLUMNS]
    return Table("defences", CAPTION, ["attack", "model", "defence", "base model"], groups, rows, [])
