"""Work that is handed to a process, one job after the other, and that can be cancelled at any time."""

import logging
import multiprocessing
import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Literal, Protocol

from staanet.core.errors import StaanetError
from staanet.web.process import STOP, work
from staanet.web.settings import WebSettings

logger = logging.getLogger(__name__)

GRACE = 3.0
"""Seconds after which a process is ended that has not stopped its task by itself."""

LOOK = 0.05
"""Seconds between two looks at whether a job was cancelled."""

MOST_WAITING = 12
"""Largest number of jobs that wait for one process."""

DIED = (
    "The process that did the work ended unexpectedly: the clip, the model or too little memory ended it. "
    "Everything else still works; try a shorter clip or another model."
)

State = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass
class Job:
    """A task with its arguments, and what became of it.

    Args:
        task: Name of the task.
        arguments: Its arguments.
        id: Name of the job, which cannot be guessed.
        state: How far it is.
        answer: Its result, or a sentence if it failed.
        passes: Number of passes through the model so far.
        doing: What it does now, in words.
        started: When it began, in seconds of a monotonic clock.
        ended: When it ended.
        asked: When the browser last asked for it.
        stopped: Set to cancel it.
    """

    task: str
    arguments: dict[str, Any]
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "waiting"
    answer: Any = None
    passes: int = 0
    doing: str = ""
    started: float | None = None
    ended: float | None = None
    asked: float = field(default_factory=time.monotonic)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def over(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self.state in ("done", "failed", "cancelled")

    def end(self, state: State, answer: Any = None) -> None:
        """Set the result."""
        self.answer, self.ended = answer, time.monotonic()
        self.state = state


class Process(Protocol):
    """What a worker needs of a process."""

    def is_alive(self) -> bool:
        """Return whether it runs."""

    def kill(self) -> None:
        """End it at once."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended."""


def start_process(connection: Connection, settings: WebSettings) -> Process:
    """Start a process that answers on a connection: a new interpreter, so that it inherits no locks."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=(connection, settings), daemon=True)
    process.start()
    connection.close()  # the process has its own; without this, its end would not close the connection
    return process


class Worker:
    """One process and the jobs that wait for it. The process is started with the first job, and again if it ended.

    Args:
        settings: What the workbench was started with.
        start: Starts the process.
    """

    def __init__(
        self, settings: WebSettings, start: Callable[[Connection, WebSettings], Process] = start_process
    ) -> None:
        self._settings, self._start = settings, start
        self._waiting: queue.Queue[Job | None] = queue.Queue()
        self._process: Process | None = None
        self._connection: Connection | None = None
        self._jobs: list[Job] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._dispatch, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Append a job to those that wait.

        Raises:
            StaanetError: If too many wait.
        """
        self._jobs = [one for one in self._jobs if not one.over]
        if len(self._jobs) >= MOST_WAITING:
            raise StaanetError(f"expected fewer than {MOST_WAITING} jobs at once, got one more; wait for one of them")
        self._jobs.append(job)
        self._waiting.put(job)

    def ahead(self, job: Job) -> int:
        """Return how many other jobs are done before this one."""
        unfinished = [one for one in self._jobs if not one.over]
        return unfinished.index(job) if job in unfinished else 0

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do."""
        return all(job.over for job in self._jobs)

    def close(self) -> None:
        """Cancel all jobs and end the process."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(2 * GRACE)

    def _dispatch(self) -> None:
        """Do one job after the other; everything about the process happens in this thread."""
        while (job := self._waiting.get()) is not None and not self._closing.is_set():
            if job.stopped.is_set():
                job.end("cancelled")
                continue
            job.state, job.started = "running", time.monotonic()
            try:
                self._carry_out(job)
            except (EOFError, OSError):
                self._end_process()
                job.end("cancelled" if job.stopped.is_set() else "failed", DIED)
            except Exception as error:
                logger.exception("%s", job.task)
                job.end("failed", f"expected an answer, got {type(error).__name__}: {error}")
        self._end_process()

    def _carry_out(self, job: Job) -> None:
        """Send a job to the process and listen until it has ended, which a cancelled job must do within `GRACE`."""
        connection = self._connected()
        connection.send((job.task, job.arguments))
        told: float | None = None
        while True:
            if connection.poll(LOOK):
                kind, content = connection.recv()
                if kind == "passes":
                    job.passes = content
                elif kind == "doing":
                    job.doing = content
                else:
                    job.end(kind, content)
                    return
            elif job.stopped.is_set() or self._closing.is_set():
                if told is None:
                    told = time.monotonic()
                    connection.send(STOP)
                if self._closing.is_set() or time.monotonic() - told > GRACE:
                    self._end_process()
                    job.end("cancelled")
                    return

    def _connected(self) -> Connection:
        """Return the connection to the process, which is started if it does not run."""
        if self._connection is None or self._process is None or not self._process.is_alive():
            self._end_process()
            self._connection, other = multiprocessing.Pipe()
            self._process = self._start(other, self._settings)
        return self._connection

    def _end_process(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.join(GRACE)
        self._process = self._connection = None
