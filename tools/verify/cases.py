"""Cases: the records of a study with the folds of each case pooled, as its tables show them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from verify.figures import MODEL_FLAGS, Clips, figures, flags
from verify.formulae import by_fold
from verify.study import Row, Study, short_digest

IDENTITY = (
    *("experiment", "corpus", "subset", "source", "target", "attack", "generator", "defence", "protocol"),
    *("labels_from", "seed", "budget_epsilon", "budget_snr_db", "budget_sparsity", "labels", "folds_planned"),
    *("domain", "stands_for"),
)
"""Fields in which the folds of a case agree."""

MEASURED = (
    *("comb_share", "comb_share_model", "seconds_per_clip", "queries", "gradients"),
    *("black_box_lead", "zero_gradients", "nonfinite_gradients"),
)
"""Numbers of a record that do not follow from outcomes; those of a case are means weighted by clips."""

SIGNS = ("randomised", "probabilities", "batch_dependent", "padding_dependent", "training_mode")
"""Signs of a target model that do not follow from outcomes; a case has those of any of its folds."""


@dataclass(frozen=True, eq=False)
class Case:
    """One record, or the records of several folds together.

    Args:
        study: The study.
        records: The records, one per fold.
    """

    study: Study
    records: list[dict[str, Any]]

    @cached_property
    def stored_rows(self) -> list[Row]:
        """The outcomes of all folds, fold after fold."""
        return [row for record in self.records for row in self.study.rows.get(record["signature"], [])]

    @cached_property
    def rows(self) -> list[Row]:
        """The outcomes of all folds; those of several folds in the order of the ids of the clips."""
        return sorted(self.stored_rows, key=lambda row: str(row["id"])) if self.pooled else self.stored_rows

    @property
    def pooled(self) -> bool:
        """Whether the case has more than one fold."""
        return len(self.records) > 1

    @cached_property
    def names(self) -> dict[str, Any]:
        """The fields that say what the case is."""
        first = self.records[0]
        names = {name: first[name] for name in IDENTITY if name in first}
        names["folds"] = sorted(fold for record in self.records for fold in record["folds"])
        for name in ("split", "signature"):
            own = [record[name] for record in self.records]
            names[name] = short_digest(own) if self.pooled else own[0]
        return names

    @property
    def attack(self) -> str:
        """Registry name of the attack; empty for a worst case over several attacks."""
        return str(self.study.settings_of(self.records[0], "attack").get("name", ""))

    @cached_property
    def clips(self) -> Clips:
        """The outcomes as arrays."""
        return Clips(self.rows, len(self.records[0]["labels"]))

    @cached_property
    def figures(self) -> dict[str, Any]:
        """All figures of the case: those that follow from outcomes, and what was measured."""
        values = figures(self.clips)
        values |= {name: self._mean(name) for name in MEASURED}
        values |= {name: self._any(name) for name in SIGNS}
        if self.pooled:
            shares = [max(figures_of(self.study, record)["predictions_adv"]) for record in self.records]
            values["one_class_share"] = sum(shares) / values["n"]
            values |= self._fold_intervals()
        return values

    @cached_property
    def fold_of(self) -> dict[str, int | None]:
        """The fold of each clip by its id."""
        return {row["id"]: part["fold"] for part in self.records for row in self.study.rows[part["signature"]]}

    def _fold_intervals(self) -> dict[str, tuple[float, float]]:
        clips, folds = self.clips, np.array([self.fold_of[row["id"]] for row in self.rows])
        return {
            "asr_fold_ci": by_fold(clips.fooled, folds, 0.0),
            "asr_excess_fold_ci": by_fold(clips.fooled - clips.control, folds, -1.0),
            "robust_accuracy_fold_ci": by_fold(clips.robust, folds, 0.0),
        }

    def _mean(self, name: str) -> float | None:
        known = [(record[name], record["n"]) for record in self.records if record.get(name) is not None]
        return sum(value * n for value, n in known) / sum(n for _, n in known) if known else None

    def _any(self, name: str) -> bool | None:
        known = [record[name] for record in self.records if record.get(name) is not None]
        return any(known) if known else None

    @cached_property
    def folds_flagged(self) -> dict[str, list[int]]:
        """The folds that raise each flag that belongs to one model; none for a single fold."""
        of_folds = {
            record["fold"]: flags(figures_of(self.study, record), self.attack) & set(MODEL_FLAGS)
            for record in (self.records if self.pooled else [])
        }
        names = set().union(*of_folds.values())
        return {name: sorted(fold for fold, own in of_folds.items() if name in own) for name in names}

    @cached_property
    def flags(self) -> set[str]:
        """The flags of the case: those of its figures, and those of a model that any of its folds raises."""
        return flags(self.figures, self.attack) | set(self.folds_flagged)


def figures_of(study: Study, record: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one record, with what was measured as the record has it."""
    found: dict[str, dict[str, Any]] = study.memory.setdefault("figures", {})
    if record["signature"] not in found:
        clips = Clips(study.rows.get(record["signature"], []), len(record["labels"]))
        measured = {name: record.get(name) for name in (*MEASURED, *SIGNS)}
        found[record["signature"]] = {**measured, **figures(clips)}
    return found[record["signature"]]


def cases_of(study: Study) -> list[Case]:
    """Return the cases of a study in the order in which its records first name them.

    Folds of a case are pooled if there are several different ones.
    """
    if "cases" not in study.memory:
        groups: dict[str, list[dict[str, Any]]] = {}
        for record in study.records:
            groups.setdefault(short_digest([record.get(name) for name in IDENTITY]), []).append(record)
        study.memory["cases"] = [case for group in groups.values() for case in _pooled(study, group)]
    cases: list[Case] = study.memory["cases"]
    return cases


def _pooled(study: Study, group: list[dict[str, Any]]) -> Iterator[Case]:
    folds = [record["fold"] for record in group]
    if len(group) > 1 and None not in folds and len(set(folds)) == len(folds):
        yield Case(study, group)
    else:
        yield from (Case(study, [record]) for record in group)
