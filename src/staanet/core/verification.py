"""What a verification found: how much was checked, what does not fit, and what could not be checked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from staanet.core.checksums import damages, read


@dataclass
class Verification:
    """The result of verifying a folder; it fits if there are no problems.

    Args:
        folder: The folder.
        files: Number of files whose contents were hashed.
        records: Number of records that were computed again from their outcomes.
        outcomes: Number of outcomes that were computed again from stored audio and models.
        problems: A line for everything that does not fit, which begins with the file.
        not_checked: A line for everything that could not be checked, with the reason.
    """

    folder: Path
    files: int = 0
    records: int = 0
    outcomes: int = 0
    problems: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether nothing was found that does not fit."""
        return not self.problems

    def check_files(self, folders: Iterable[Path]) -> None:
        """Hash all files that have a checksum in folders, and add those that are not as they were written."""
        for folder in folders:
            known = read(folder)
            if known is None:
                self.not_checked.append(f"{folder}: the files have no checksums, as of an earlier version")
                continue
            self.files += len(known)
            self.problems += [str(damage) for damage in damages(folder, thorough=True)]

    def lines(self) -> list[str]:
        """Return the result as lines of text."""
        counts = ", ".join(
            f"{number} {name}{'s' * (number != 1)}"
            for number, name in ((self.files, "file"), (self.records, "record"), (self.outcomes, "outcome"))
        )
        count = len(self.problems)
        end = "everything fits" if self.fits else f"{count} {'does' if count == 1 else 'do'} not fit"
        left_out = [f"not checked: {line}" for line in self.not_checked]
        return [*self.problems, *left_out, f"{self.folder}: checked {counts}; {end}"]
