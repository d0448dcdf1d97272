"""Robust accuracy of each model in the worst case over all attacks within one budget."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from staanet.core.records import NO_SOURCE, Interval, Record, Rows
from staanet.metrics import beyond_clips, wilson
from staanet.metrics.outcome import Floats, Integers
from staanet.report.captions import BY_FOLD, chance, intervals
from staanet.report.cells import count_cell, interval_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.rows import interval_by_fold, is_robust
from staanet.report.tables import Section, Table
from staanet.report.wording import budget, key

CONDITIONS = (
    *("corpus", "subset", "split", "protocol", "defence", "target", "domain"),
    *("budget_epsilon", "budget_snr_db", "budget_sparsity"),
)
"""Fields that records must share to count for the same worst case."""

ANY, NO_ACCESS = "any", "no access to the model"
"""The attacks over which a worst case is taken: all of them, or those computed on other models only."""

CAPTION = (
    "Robust accuracy of each model in the worst case over attacks, in %: the clips that it classifies correctly before "
    "and under every attack within the budget, and their recall averaged over the classes (robust UAR), next to its "
    "accuracy and UAR without an attack. Only the n clips on which all of these attacks were run are counted. {chance} "
    "{intervals}.{by_fold} Strongest attack: the one with the lowest robust accuracy of its own. A stronger attack may "
    "exist, so that robust accuracy is an upper bound. Within each budget and access, models are in the order of their "
    "robust accuracy."
)
ROBUST, MEASURES = "robust accuracy", ("robust UAR", "chance", "accuracy", "UAR", "attacks", "n")


@dataclass(frozen=True)
class WorstCase:
    """The robust accuracy of a model in the worst case over several attacks within one budget."""

    target: str
    corpus: str
    budget: str
    access: str
    strongest: str
    attacks: int
    n: int
    speakers: int
    robust_accuracy: float
    robust_accuracy_speaker_ci: Interval
    robust_accuracy_fold_ci: Interval | None
    robust_uar: float
    chance: float
    accuracy_clean: float
    uar_clean: float


FIELDS = tuple(field.name for field in dataclasses.fields(WorstCase))


def section(results: Results) -> Section | None:
    """Return the section, or None if no model was attacked in several ways within one budget."""
    rows = worst_cases(results.records, results.outcomes)
    return Section("Robust accuracy", table(rows, results.records), rows, FIELDS) if rows else None


def worst_cases(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[WorstCase]:
    """Return the worst case over all attacks on each model within each budget, and over those without access to it.

    Args:
        records: Pooled records.
        outcomes: Function that returns the per-clip outcomes of a record.
    """
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(key(record, CONDITIONS), []).append(record)
    rows = []
    for group in groups.values():
        if len(group) < 2:
            continue
        attacks = [(record, outcomes(record)) for record in group]
        blind = [attack for attack in attacks if attack[0].source not in (attack[0].target, NO_SOURCE)]
        by_access = {ANY: attacks, NO_ACCESS: blind if len(blind) < len(group) else []}
        rows += [
            case
            for access, chosen in by_access.items()
            if len(chosen) > 1 and (case := _worst_case(chosen, access)) is not None
        ]
    places = {name: place for place, name in enumerate(dict.fromkeys((row.corpus, row.budget) for row in rows))}
    return sorted(
        rows, key=lambda row: (places[row.corpus, row.budget], row.access != ANY, -row.robust_accuracy, row.target)
    )


def _worst_case(attacks: Sequence[tuple[Record, Rows]], access: str) -> WorstCase | None:
    """Return the worst case over some attacks on one model, each with its outcomes; None if they share no clip."""
    records = [record for record, _ in attacks]
    by_clip = [{row["id"]: row for row in rows} for _, rows in attacks]
    clips = sorted(set.intersection(*(set(rows) for rows in by_clip)))
    if not clips:
        return None
    rows = [by_clip[0][clip] for clip in clips]
    labels, speakers = np.array([row["label"] for row in rows]), [row["speaker"] for row in rows]
    correct = np.array([row["predicted_clean"] == row["label"] for row in rows], dtype=np.float64)
    robust = np.array([all(is_robust(own[clip]) for own in by_clip) for clip in clips], dtype=np.float64)
    share, first = float(robust.mean()), records[0]
    return WorstCase(
        target=first.target,
        corpus=first.corpus,
        budget=budget(first),
        access=access,
        strongest=min(records, key=lambda record: record.robust_accuracy).attack,
        attacks=len(records),
        n=len(clips),
        speakers=len(set(speakers)),
        robust_accuracy=share,
        robust_accuracy_speaker_ci=beyond_clips(robust, labels, speakers, wilson(share, len(clips)), low=0.0),
        robust_accuracy_fold_ci=interval_by_fold(robust, rows, low=0.0),
        robust_uar=_recall(robust, labels),
        chance=first.chance,
        accuracy_clean=float(correct.mean()),
        uar_clean=_recall(correct, labels),
    )


def _recall(hits: Floats, labels: Integers) -> float:
    return float(np.mean([hits[labels == label].mean() for label in np.unique(labels)]))


def table(rows: Sequence[WorstCase], records: Iterable[Record]) -> Table:
    """Return the table, with a row per model, budget and access.

    Args:
        rows: The worst cases.
        records: The records from which they were computed, whose chance level the caption states.
    """
    by_fold = any(row.robust_accuracy_fold_ci is not None for row in rows)
    cells = [
        [
            *map(text_cell, (row.target, row.corpus, row.budget, row.access, row.strongest)),
            percent_cell(row.robust_accuracy, row.robust_accuracy_speaker_ci),
            *([interval_cell(row.robust_accuracy_fold_ci)] if by_fold else []),
            percent_cell(row.robust_uar),
            percent_cell(row.chance),
            percent_cell(row.accuracy_clean),
            percent_cell(row.uar_clean),
            count_cell(row.attacks),
            count_cell(row.n),
        ]
        for row in rows
    ]
    caption = CAPTION.format(
        chance=chance(records),
        intervals=intervals(row.speakers for row in rows),
        by_fold=f" {BY_FOLD}" if by_fold else "",
    )
    measures = (ROBUST, *(["by fold"] if by_fold else []), *MEASURES)
    headings = ["model", "corpus", "within", "access", "strongest attack"]
    return Table("robustness", caption, headings, [("", measures)], cells)
