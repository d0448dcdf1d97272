"""The results of a run: its records with the folds of each case pooled, and the case that the summary is about."""

from dataclasses import dataclass
from functools import cached_property

from staanet.core.records import Record, Rows
from staanet.core.run import Layout, Run
from staanet.evaluation import pooled
from staanet.evaluation.invariants import check_figures


@dataclass(frozen=True)
class Results:
    """The results of a run.

    Args:
        run: The run.
        parts: Its records as they were written, one per fold.
        records: Its records with the folds of each case pooled, in the order of the experiment.
    """

    run: Run
    parts: list[Record]
    records: list[Record]

    @classmethod
    def read(cls, run: Run) -> "Results":
        """Read the records of a run, compare their figures with their outcomes, and pool their folds.

        Raises:
            StaanetError: The folder holds no records, they cannot be read, or a figure does not follow from outcomes.
        """
        for record in run.records:
            check_figures(record, run.outcomes(record), str(run.folder))
        return cls(run, run.records, pooled(run.records, run.outcomes))

    @property
    def layout(self) -> Layout:
        """What the page of the run shows."""
        return self.run.layout

    def outcomes(self, record: Record) -> Rows:
        """Return the per-clip outcomes of a record, or of all folds of a pooled one, each with its `fold`."""
        return [{**row, "fold": part.fold} for part in self.parts_of(record) for row in self.run.outcomes(part)]

    def parts_of(self, record: Record) -> list[Record]:
        """Return the records, one per fold, that were pooled into a record, or the record itself."""
        parts = {part.signature: part for part in self.parts}
        return [parts[name] for name in record.pooled or [record.signature]]

    @cached_property
    def named(self) -> Record | None:
        """The record of the case that the experiment names as its headline; None if it names none, or it is missing.

        Of several subsets of a corpus, the test clips count.
        """
        headline = self.layout.headline
        if headline is None:
            return None
        fitting = [
            record
            for record in self.records
            if (record.attack, record.source, record.target) == (headline.attack, headline.source, headline.target)
            and headline.corpus in ("", record.corpus if record.stands_for is None else record.stands_for)
        ]
        return next((record for record in fitting if record.subset == "test"), fitting[0] if fitting else None)

    @cached_property
    def lead(self) -> Record:
        """The record that the summary is about: the named case, else the one with the lowest robust accuracy."""
        return self.named or min(self.records, key=lambda record: record.robust_accuracy)

    @cached_property
    def lead_without_selection(self) -> Record | None:
        """The lead over the folds on which no setting was chosen; None if these are all or none of its folds."""
        parts = self.parts_of(self.lead)
        others = [part for part in parts if part.fold not in self.layout.selection_folds]
        if not others or len(others) == len(parts):
            return None
        return pooled(others, self.run.outcomes)[0]
