"""The models table: how well each model recognises emotions before any attack, and how stable it is under noise."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from staanet.core.records import Interval, Record
from staanet.report.captions import control
from staanet.report.cells import Cell, count_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.tables import Section, Table
from staanet.report.wording import budget, conditions, unique

NAMES = ("model", "defence", "corpus", "noise within")
MEASURES = ("n", "UAR %", "accuracy %", "chance %", "largest class %", "control %")


@dataclass(frozen=True)
class Baseline:
    """The performance of a model on the clean clips of a corpus, and under random noise within one budget."""

    model: str
    defence: str | None
    corpus: str
    budget: str
    n: int
    uar_clean: float
    accuracy_clean: float
    accuracy_clean_ci: Interval
    chance: float
    largest_class: float
    asr_control: float
    asr_control_ci: Interval


FIELDS = tuple(field.name for field in dataclasses.fields(Baseline))


def section(results: Results) -> Section | None:
    """Return the section, or None if the run has no records."""
    if not results.records:
        return None
    return Section("Models", table(results.records), baselines(results.records), FIELDS)


def baselines(records: Sequence[Record]) -> list[Baseline]:
    """Return the baseline of each model at each budget, from the first record that has both."""
    firsts: dict[tuple[str, ...], Record] = {}
    for record in records:
        firsts.setdefault((record.target, record.corpus, budget(record), record.split), record)
    return [
        Baseline(
            model=record.target,
            defence=record.defence,
            corpus=record.corpus,
            budget=budget(record),
            n=record.n,
            uar_clean=record.uar_clean,
            accuracy_clean=record.accuracy_clean,
            accuracy_clean_ci=record.accuracy_clean_ci,
            chance=record.chance,
            largest_class=max(record.clips_by_class) / record.n,
            asr_control=record.asr_control,
            asr_control_ci=record.asr_control_ci,
        )
        for record in firsts.values()
    ]


def table(records: Sequence[Record]) -> Table:
    """Return the table, with a row per model, corpus and budget."""
    rows = baselines(records)
    names = [name for name in NAMES if name != "defence" or any(row.defence for row in rows)]
    cells = [
        [
            *(_name(row, name) for name in names),
            count_cell(row.n),
            percent_cell(row.uar_clean),
            percent_cell(row.accuracy_clean, row.accuracy_clean_ci),
            percent_cell(row.chance),
            percent_cell(row.largest_class),
            percent_cell(row.asr_control, row.asr_control_ci),
        ]
        for row in rows
    ]
    caption = (
        "The models before any attack, in %: unweighted average recall (UAR) and accuracy on the clean test clips; "
        "chance, 1/K for K classes; the share of the largest class, which is the accuracy of a model that always "
        "predicts it; and the share of predictions that random noise changes (control), with the size and number of "
        f"samples of the first attack within the budget.{control(records)} 95 % confidence intervals over clips. "
        f"{'; '.join(unique(conditions([record]).split('; ')[0] for record in records))}."
    )
    return Table("models", caption, names, [("", MEASURES)], cells)


def _name(row: Baseline, name: str) -> Cell:
    return text_cell(
        {"model": row.model, "defence": row.defence, "corpus": row.corpus, "noise within": row.budget}[name]
    )
