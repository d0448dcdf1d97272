"""An engine that does jobs in this process, one after the other, and may be interrupted before one of them."""

import contextlib
from dataclasses import dataclass, field

import pytest
import torch

from staanet.core.progress import console
from staanet.engines import Local
from staanet.engines.base import attempt


@dataclass(frozen=True)
class Here(Local):
    stops_before: str = ""
    done: list = field(default_factory=list)

    @contextlib.contextmanager
    def open(self, work):
        engine = self

        class Pool:
            free = 1

            def submit(self, jobs):
                (self.job,) = jobs

            def wait(self):
                if self.job.name == engine.stops_before:
                    raise KeyboardInterrupt
                engine.done.append(self.job.name)
                return [attempt(work, self.job)]

        yield Pool()


@pytest.fixture
def as_before():
    """Restore what jobs change in a process: its console, its number of threads, and the working directory."""
    threads = torch.get_num_threads()
    yield
    console.quiet = False
    torch.set_num_threads(threads)
