"""The models' table: how well each recognises emotions, and how far noise alone moves it, before any attack."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from staanet.core.records import Interval, Record
from staanet.report.tables import Cell, Table
from staanet.report.wording import budget, conditions, interval, percent, unique

NAMES = ("model", "defence", "corpus", "noise within")
MEASURES = ("n", "UAR %", "accuracy %", "largest class %", "control %")


@dataclass(frozen=True)
class Standing:
    """A model on the clean clips of a corpus, and under random noise of one budget's sizes."""

    model: str
    defence: str | None
    corpus: str
    budget: str
    n: int
    uar_clean: float
    accuracy_clean: float
    accuracy_clean_ci: Interval
    largest_class: float
    asr_control: float
    asr_control_ci: Interval


FIELDS = tuple(field.name for field in dataclasses.fields(Standing))


def standings(records: Sequence[Record]) -> list[Standing]:
    """Return how each model stands at each budget, from the first record that has them."""
    firsts: dict[tuple[str, ...], Record] = {}
    for record in records:
        firsts.setdefault((record.target, record.corpus, budget(record), record.split), record)
    return [
        Standing(
            model=record.target,
            defence=record.defence,
            corpus=record.corpus,
            budget=budget(record),
            n=record.n,
            uar_clean=record.uar_clean,
            accuracy_clean=record.accuracy_clean,
            accuracy_clean_ci=record.accuracy_clean_ci,
            largest_class=max(record.clips_by_class) / record.n,
            asr_control=record.asr_control,
            asr_control_ci=record.asr_control_ci,
        )
        for record in firsts.values()
    ]


def table(records: Sequence[Record]) -> Table:
    """Arrange how the models of records stand into a table: a row per model, corpus and budget."""
    found = standings(records)
    names = [name for name in NAMES if name != "defence" or any(row.defence for row in found)]
    rows = [
        [
            *(_named(row, name) for name in names),
            Cell(str(row.n), row.n),
            Cell(percent(row.uar_clean), row.uar_clean),
            Cell(percent(row.accuracy_clean), row.accuracy_clean, interval(row.accuracy_clean_ci)),
            Cell(percent(row.largest_class), row.largest_class),
            Cell(percent(row.asr_control), row.asr_control, interval(row.asr_control_ci)),
        ]
        for row in found
    ]
    caption = (
        "The models before any attack, in %: unweighted average recall and accuracy on the clean test clips, the "
        "share of the largest class (what always giving one answer would score), and the predictions that random noise "
        "of the first attack's sizes and count changes, with 95 % intervals over clips. "
        f"{'; '.join(unique(conditions([record]).split('; ')[0] for record in records))}."
    )
    return Table("models", caption, names, [("", MEASURES)], rows, [])


def _named(row: Standing, name: str) -> Cell:
    value = {"model": row.model, "defence": row.defence, "corpus": row.corpus, "noise within": row.budget}[name]
    return Cell(value or "none", value)
