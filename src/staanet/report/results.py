"""The results of a run: its records with the folds of each case pooled."""

from dataclasses import dataclass

from staanet.core.records import Record, Rows
from staanet.core.run import Layout, Run
from staanet.evaluation import pooled


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
        """Read the records of a run and pool their folds.

        Raises:
            StaanetError: The folder holds no records, or they cannot be read.
        """
        return cls(run, run.records, pooled(run.records, run.outcomes))

    @property
    def layout(self) -> Layout:
        """What the page of the run shows."""
        return self.run.layout

    def outcomes(self, record: Record) -> Rows:
        """Return the per-clip outcomes of a record, for a pooled record those of all its folds."""
        return self.run.outcomes(record)
