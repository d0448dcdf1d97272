"""A work of which each job writes one file, or does what its name says."""

import os
import signal
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch

from staanet.core.errors import StaanetError


@dataclass(frozen=True)
class SmallWork:
    folder: Path

    def __call__(self, job):
        with (self.folder / f"{job.name}.begun").open("a") as file:
            file.write(f"{os.getpid()}\n")
        if job.name.startswith("dies") and self.begun(job.name) <= int(job.name.rpartition("-")[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        if job.name.startswith("refuses"):
            raise StaanetError("expected something else; change it")
        if job.name.startswith("breaks"):
            raise KeyError("nothing")
        if job.name.startswith("warns"):
            warnings.warn("careful", stacklevel=1)
        if job.name.startswith("waits"):
            time.sleep(60)
        (self.folder / f"{job.name}.done").write_text(str(torch.get_num_threads()))

    def begun(self, name):
        """Return how often a job was begun."""
        path = self.folder / f"{name}.begun"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def done(self):
        """Return the names of the jobs that are done."""
        return {path.stem for path in self.folder.glob("*.done")}
