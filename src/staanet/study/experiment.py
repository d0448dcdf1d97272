"""An experiment, checked as a whole before any work starts."""

from dataclasses import dataclass, replace

from staanet.study.checks import check
from staanet.study.settings import ExperimentSettings


@dataclass(frozen=True)
class Experiment(ExperimentSettings):
    """The settings of an experiment, in which every name exists and every setting fits the others.

    Raises:
        StaanetError: one does not.
    """

    def __post_init__(self) -> None:
        """Check every name and setting, so that a mistake is reported before any work."""
        check(self)

    def on_all_clips(self) -> "Experiment":
        """Return the experiment with every attack on all test clips."""
        tables = {
            name: {key: value for key, value in table.items() if key != "clips"} for name, table in self.attacks.items()
        }
        return replace(self, clips=None, attacks=tables)
