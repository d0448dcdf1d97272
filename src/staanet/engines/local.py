"""Several processes of this machine."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, ClassVar

import torch

from staanet.core.errors import StaanetError
from staanet.core.provenance import device_of
from staanet.engines.base import Ended, Engine, Job, Work, attempt

PAUSE = 1.0
"""Seconds that a look at the processes takes at most."""


@dataclass(frozen=True)
class Local(Engine):
    """Processes of this machine, each of which computes in one thread; several GPUs are divided among them.

    Args:
        workers: Number of processes.
    """

    name: ClassVar[str] = "local"

    workers: int = 1

    def __post_init__(self) -> None:
        """Check the number of processes."""
        if self.workers < 1:
            raise StaanetError(f"expected 1 worker or more, got {self.workers}; change --workers")

    @contextlib.contextmanager
    def open(self, work: Work) -> Iterator["LocalPool"]:
        """Start the processes; they end with the block, and with this process however it ends."""
        pool = LocalPool(work, self.workers)
        try:
            yield pool
        finally:
            pool.close()

    def uses_gpu(self, device: str | None) -> bool:
        """Return whether jobs compute on a GPU of this machine."""
        return device_of(device).type != "cpu"


class LocalPool:
    """Processes that do one job after the other. One that dies is replaced.

    Args:
        work: What the jobs are parts of.
        count: Number of processes.
    """

    def __init__(self, work: Work, count: int) -> None:
        self._workers = [_Worker(work, number) for number in range(count)]

    @property
    def free(self) -> int:
        """How many processes have no job."""
        return sum(worker.job is None for worker in self._workers)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Give each job to a process that has none."""
        free = [worker for worker in self._workers if worker.job is None]
        for worker, job in zip(free, jobs, strict=False):
            worker.begin(job)

    def wait(self) -> list[Ended]:
        """Return the jobs that have ended."""
        busy = {worker.connection: worker for worker in self._workers if worker.job is not None}
        return [busy[one].end() for one in wait(list(busy), PAUSE) if isinstance(one, Connection)]

    def close(self) -> None:
        """End all processes, whatever they do."""
        for worker in self._workers:
            worker.close()


class _Worker:
    """A process, which is started with its first job, and started again if it died.

    Args:
        work: What the jobs are parts of.
        number: Its number among the processes of the pool.
    """

    def __init__(self, work: Work, number: int) -> None:
        self.job: Job | None = None
        self._work, self._number = work, number
        self._process: Any = None
        self.connection: Connection

    def begin(self, job: Job) -> None:
        """Send a job to the process."""
        self.job = job
        if self._process is None:
            self._start()
        with contextlib.suppress(OSError):  # a process that has died is noticed by `end`
            self.connection.send(job)

    def end(self) -> Ended:
        """Return how the job of the process has ended."""
        job, self.job = self.job, None
        assert job is not None  # noqa: S101
        try:
            ended: Ended = self.connection.recv()
        except (EOFError, OSError):
            self._process.join()
            reason = _exit_reason(self._process.exitcode)
            self.close()
            return Ended(job, f"expected a process that ends its job, got one that {reason}", lost=True)
        return ended

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self.connection.close()
            self._process = None

    def _start(self) -> None:
        context = _context(type(self._work).__module__)
        self.connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, self._work, self._number), daemon=True)
        self._process.start()
        other.close()  # the process has its own; without this, its end would not close the connection


def _context(module: str) -> Any:
    """Return how processes are started: from one that has imported a module and done nothing else, where this works."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


def _exit_reason(code: int | None) -> str:
    """Say why a process ended.

    >>> _exit_reason(-9), _exit_reason(3)
    ('was killed (SIGKILL; often for too little memory)', 'exited with status 3')
    """
    if code is None or code >= 0:
        return f"exited with status {code}"
    hint = "; often for too little memory" if -code == signal.SIGKILL else ""
    return f"was killed ({signal.Signals(-code).name}{hint})"


def _serve(connection: Connection, work: Work, number: int) -> None:
    """Do the jobs that come over a connection until it is closed; the body of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the process that hands out the jobs, which ends this
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(attempt(work, connection.recv()))


def _end_with_parent() -> None:
    """End this process as soon as the one that started it has died, so that nobody writes without its lock."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
