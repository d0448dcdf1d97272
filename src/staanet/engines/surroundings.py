"""What the workers of a command need of the process that gives it, and how a command ends that lacks some results."""

import contextlib
import logging
import os
import secrets
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from staanet.core.atomic import remove, sweep
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.processes import locked
from staanet.core.signature import signature
from staanet.engines.base import Engine, Job, Work
from staanet.engines.schedule import carry_out

LOCKS = ".locks"
"""Folder in that of a work with a lock for each result, while workers make them."""

SHOWN = 5
"""Number of failures that an error describes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Surroundings:
    """The part of a work that is the same for every command.

    Args:
        place: The working directory, to which paths in the work are relative.
        variables: The library's own environment variables.
        token: A text that no other work has.
    """

    place: Path = field(default_factory=Path.cwd)
    variables: Mapping[str, str] = field(
        default_factory=lambda: {key: value for key, value in os.environ.items() if key.startswith("STAANET_")}
    )
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def enter(self) -> None:
        """Take over the working directory and the variables in a worker."""
        os.environ.update(self.variables)
        with contextlib.suppress(OSError):  # on another machine there may be no such folder, nor any need of it
            os.chdir(self.place)

    @contextlib.contextmanager
    def planning(self) -> Iterator[None]:
        """Enter, and make a plan in the block, without what the process that hands out the jobs has told already."""
        self.enter()
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", StaanetWarning)
                yield
        finally:
            logging.disable(before)

    def __eq__(self, other: object) -> bool:
        """Return whether this is the same work, perhaps after it was sent to another process."""
        return isinstance(other, type(self)) and other.token == self.token

    def __hash__(self) -> int:
        """Return a hash of the token."""
        return hash(self.token)


@contextlib.contextmanager
def alone(folder: Path, job: Job) -> Iterator[None]:
    """Keep other processes from making the result of a job within the block, even one that was given up but runs on.

    Args:
        folder: Folder of the work.
        job: The job.
    """
    with locked(folder / LOCKS / signature(job.name)):
        yield


def complete(engine: Engine, work: Work, jobs: Sequence[Job], folder: Path, again: str) -> None:
    """Do all jobs on an engine, and remove what workers that died have left.

    Args:
        engine: The engine.
        work: What the jobs are parts of.
        jobs: The jobs.
        folder: Folder of the work, as the user named it.
        again: What makes the rest, such as a command.

    Raises:
        StaanetError: Some could not be done; all others were. It lists what is missing.
    """
    failures = carry_out(engine, work, jobs)
    if failures:
        failed = [one for one in failures if not one.follows]
        shown = "; ".join(f"{one.name} ({one.reason})" for one in failed[:SHOWN])
        others = ((len(failed) - SHOWN, "more failed"), (len(failures) - len(failed), "follow from these"))
        counts = "".join(f"; {number} {what}" for number, what in others if number > 0)
        raise StaanetError(
            f"expected {len(jobs)} more results in {folder}, {len(failures)} are missing: {shown}{counts}; mend "
            f"this, and run {again}, which makes only what is missing"
        ) from next((RuntimeError(one.trace) for one in failed if one.trace), None)
    remove(work.folder / LOCKS)
    for place in {folder.resolve(), work.folder}:
        sweep(place, deep=True)
