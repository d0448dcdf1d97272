"""What an engine offers: workers that do jobs, wherever these workers run."""

import abc
import contextlib
import logging
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import torch

from staanet.core.foreign import told
from staanet.core.memory import keep_freed_memory
from staanet.core.progress import console

Messages = tuple[tuple[int, str], ...]
"""What was logged: the level and the text of each message."""


@dataclass(frozen=True)
class Job:
    """A part of a work. It makes files and nothing else, so that it can be done again if its worker dies.

    Args:
        name: Its name, which tells users what it makes.
        follows_from: Names of the jobs that must be done before it.
        gpus: Number of GPUs that it needs, 0 or 1. Every job needs one core of a CPU.
    """

    name: str
    follows_from: tuple[str, ...] = ()
    gpus: int = 0


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Args:
        job: The job.
        error: What was wrong in one line; None if it is done.
        lost: Whether its worker died, so that nothing is known to be wrong with the job itself.
        messages: What it logged.
        trace: The traceback of its error, as text.
    """

    job: Job
    error: str | None = None
    lost: bool = False
    messages: Messages = ()
    trace: str = ""


class Work(Protocol):
    """What workers do; it can be pickled, and holds everything that they need to know."""

    @property
    def folder(self) -> Path:
        """The absolute path of the folder with all files of the work, which every worker must see."""

    def __call__(self, job: Job) -> None:
        """Do a job."""


class Pool(Protocol):
    """Workers that were started for a work."""

    @property
    def free(self) -> int:
        """How many more jobs they take now."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Hand over jobs, at most as many as are `free`."""

    def wait(self) -> list[Ended]:
        """Return the jobs that have ended since the last call; wait for one for at most about a second."""


class Engine(abc.ABC):
    """A way to start workers. Its fields are its settings.

    A subclass is a frozen dataclass with a `name`. It is registered by being imported in `staanet.engines`.
    """

    name: ClassVar[str]
    """Its name on the command line."""

    @abc.abstractmethod
    def open(self, work: Work) -> AbstractContextManager[Pool]:
        """Return a context in which the workers of the engine wait for jobs; they have ended after it.

        Raises:
            StaanetError: The engine cannot be used, or its workers do not see the folder of the work.
        """

    @abc.abstractmethod
    def uses_gpu(self, device: str | None) -> bool:
        """Return whether jobs compute on a GPU; this is asked before any work.

        Args:
            device: The device that the user has named; None for a GPU if there is one.

        Raises:
            StaanetError: The engine cannot be used, or no worker has such a device.
        """


def attempt(work: Work, job: Job) -> Ended:
    """Do a job in this process, which is a worker, and return how it ended.

    It computes in one thread, so that its numbers have the same bits on every engine.
    """
    torch.set_num_threads(1)
    keep_freed_memory()
    console.quiet = True  # the process that hands out the jobs shows one bar for all workers
    error, trace = None, ""
    with _kept_messages() as messages:
        try:
            work(job)
        except Exception as raised:
            error, trace = str(told(raised)), traceback.format_exc()
    return Ended(job, error, messages=tuple(messages), trace=trace)


@contextlib.contextmanager
def _kept_messages() -> Iterator[list[tuple[int, str]]]:
    """Keep messages and warnings within the block, instead of showing them."""
    messages: list[tuple[int, str]] = []
    root = logging.getLogger()
    others, level = root.handlers[:], root.level
    root.handlers[:] = [_Keeper(messages)]
    root.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings(record=True) as issued:
            yield messages
    finally:
        messages += [(logging.WARNING, str(warning.message)) for warning in issued]
        root.handlers[:] = others
        root.setLevel(level)


class _Keeper(logging.Handler):
    """Appends messages to a list."""

    def __init__(self, messages: list[tuple[int, str]]) -> None:
        super().__init__()
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        """Append a message."""
        self._messages.append((record.levelno, record.getMessage()))
