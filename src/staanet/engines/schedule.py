"""The order of jobs: each is done once those that it follows from are, and again if its worker dies."""

import heapq
import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from staanet.core.errors import StaanetError
from staanet.core.progress import counting
from staanet.engines.base import Ended, Engine, Job, Work

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often a job is begun whose worker dies each time."""


@dataclass(frozen=True)
class Failure:
    """A job that was not done.

    Args:
        name: Its name.
        reason: What was wrong in one line.
        trace: The traceback of its error; empty if its worker died.
        follows: Whether it was not begun because it follows from one that failed.
    """

    name: str
    reason: str
    trace: str = ""
    follows: bool = False


def carry_out(engine: Engine, work: Work, jobs: Sequence[Job]) -> list[Failure]:
    """Do jobs on an engine and return those that were not done, in the order in which this became known.

    A job that fails does not keep others from being done, except for those that follow from it.

    Args:
        engine: The engine.
        work: What the jobs are parts of.
        jobs: The jobs; earlier ones are begun first if several can be begun.

    Raises:
        StaanetError: The engine cannot be used.
    """
    if not jobs:
        return []
    schedule = _Schedule(jobs)
    with engine.open(work) as pool, counting(f"{len(jobs)} results", len(jobs)) as count:
        while schedule.unfinished:
            pool.submit(schedule.take(pool.free))
            if not schedule.running:
                raise StaanetError(
                    f"expected workers of the engine {engine.name} for {schedule.unfinished} jobs, got none; "
                    "start some and run again"
                )
            for ended in pool.wait():
                for level, message in ended.messages:
                    logger.log(level, "%s", message)
                count(schedule.end(ended), schedule.note)
    return schedule.failures


class _Schedule:
    """Which jobs can be begun, which run, and which have failed.

    Args:
        jobs: The jobs.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.unfinished = len(jobs)
        self.running: set[str] = set()
        self.failures: list[Failure] = []
        self._failed: set[str] = set()
        self._jobs = list(jobs)
        self._number = {job.name: number for number, job in enumerate(jobs)}
        self._before = {job.name: {name for name in job.follows_from if name in self._number} for job in jobs}
        self._after: dict[str, list[str]] = defaultdict(list)
        for name, before in self._before.items():
            for one in before:
                self._after[one].append(name)
        self._ready = [number for number, job in enumerate(jobs) if not self._before[job.name]]
        self._begun: Counter[str] = Counter()

    @property
    def note(self) -> str:
        """How many jobs have failed and were begun again, in words; empty if none."""
        again = sum(self._begun.values()) - len(self._begun)
        counts = ((len(self.failures), "failed"), (again, "retried"))
        return ", ".join(f"{number} {what}" for number, what in counts if number)

    def take(self, most: int) -> list[Job]:
        """Return jobs to begin now, at most `most`."""
        taken = [self._jobs[heapq.heappop(self._ready)] for _ in range(min(most, len(self._ready)))]
        self.running |= {job.name for job in taken}
        self._begun.update(job.name for job in taken)
        return taken

    def end(self, ended: Ended) -> int:
        """Note how a job has ended, and return how many will not be begun any more because of this."""
        name = ended.job.name
        self.running.discard(name)
        if ended.lost and self._begun[name] < ATTEMPTS:
            logger.warning("%s: %s; it is tried again", name, ended.error)
            heapq.heappush(self._ready, self._number[name])
            return 0
        if ended.error is not None:
            logger.warning("%s: %s", name, ended.error)
            return self._fail(Failure(name, ended.error, ended.trace))
        self.unfinished -= 1
        for follower in self._after[name]:
            self._before[follower].discard(name)
            if not self._before[follower]:
                heapq.heappush(self._ready, self._number[follower])
        return 1

    def _fail(self, failure: Failure) -> int:
        """Note that a job has failed, and with it those that follow from it; return how many these are."""
        lost = {failure.name: failure}
        for name in (names := [failure.name]):  # grows within the loop
            for follower in self._after[name]:
                if follower not in lost and follower not in self._failed:
                    reason = f"it follows from {failure.name}, which is missing"
                    logger.warning("%s: not made, because %s", follower, reason)
                    lost[follower] = Failure(follower, reason, follows=True)
                    names.append(follower)
        self._failed |= lost.keys()
        self.failures += lost.values()
        self.unfinished -= len(lost)
        return len(lost)
