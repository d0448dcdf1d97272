"""A SLURM cluster, to which jobs are submitted by submitit."""

import contextlib
import logging
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar, Literal

from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra
from staanet.core.files import remove
from staanet.core.text import plain
from staanet.engines.base import Ended, Engine, Job, Work, attempt

FOLDER = ".slurm"
"""Folder in that of the work for what submitit exchanges with its jobs, and for their logs."""

MINUTES = 24 * 60
"""Time limit of a job; one that reaches it goes on from what it made when it is tried again."""

PAUSE = 1.0
"""Seconds between two looks at the results of jobs."""

LOOK = 15.0
"""Seconds between two looks at the queue; a job that two of them miss, and that has no result, is lost."""


@dataclass(frozen=True)
class Slurm(Engine):
    """Jobs of SLURM, one for each result, as job arrays.

    Partition, account, time limit and memory are taken from the environment variables of `sbatch`
    (`SBATCH_PARTITION`, `SBATCH_ACCOUNT`, `SBATCH_TIMELIMIT`, `SBATCH_MEM_PER_CPU`). A job has one core, and at most a
    day. The command must be run where `sbatch` is, in a folder that all nodes share.

    Args:
        workers: Largest number of jobs that wait or run at a time.
        cluster: What submitit submits to; `local` starts processes of this machine instead, to try the rest.
    """

    name: ClassVar[str] = "slurm"

    workers: int = 100
    cluster: Literal["slurm", "local"] = "slurm"

    def __post_init__(self) -> None:
        """Check the number of jobs."""
        if self.workers < 1:
            raise StaanetError(f"expected 1 worker or more, got {self.workers}; change --workers")

    @contextlib.contextmanager
    def open(self, work: Work) -> Iterator["SlurmPool"]:
        """Begin to submit jobs; those that still wait or run after the block are cancelled."""
        pool = SlurmPool(self._submitit(), work, self)
        try:
            yield pool
        finally:
            pool.close()

    def uses_gpu(self, device: str | None) -> bool:
        """Return whether jobs ask for a GPU, which they do only if the user names one."""
        self._submitit()
        return device is not None and device.startswith("cuda")

    def _submitit(self) -> Any:
        """Return the module `submitit`, if there is a SLURM that it can use."""
        if self.cluster == "slurm" and shutil.which("sbatch") is None:
            raise StaanetError(
                "expected the command sbatch of SLURM, found none; run this on a machine that submits jobs, or choose "
                "another --engine"
            )
        logging.getLogger("submitit").setLevel(logging.ERROR)  # it warns again and again where sacct does not work
        return import_extra("submitit", "scale")


class SlurmPool:
    """Jobs of SLURM. One that ends without an answer is reported as lost.

    Args:
        submitit: The module `submitit`.
        work: What the jobs are parts of.
        engine: The engine.
    """

    def __init__(self, submitit: Any, work: Work, engine: Slurm) -> None:
        self._work, self._most = work, engine.workers
        self._folder = work.folder / FOLDER
        self._executor = submitit.AutoExecutor(folder=self._folder, cluster=engine.cluster)
        self._running: dict[str, tuple[Any, Job]] = {}
        self._lost = False
        self._looks = engine.cluster == "slurm"
        self._next_look = 0.0
        self._missed: set[str] = set()

    @property
    def free(self) -> int:
        """How many more jobs may be submitted."""
        return self._most - len(self._running)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Submit jobs, those with the same needs as one array."""
        for gpus, alike in groupby(jobs, key=lambda job: job.gpus):
            own = list(alike)
            self._executor.update_parameters(
                name="staanet", timeout_min=MINUTES, cpus_per_task=1, gpus_per_node=gpus, slurm_array_parallelism=1000
            )
            with self._executor.batch():
                handles = [self._executor.submit(attempt, self._work, job) for job in own]
            self._running |= {job.name: (handle, job) for handle, job in zip(handles, own, strict=True)}

    def wait(self) -> list[Ended]:
        """Return the jobs that have ended, and those that are lost."""
        gone = self._gone()
        ended = [self._ended(*self._running.pop(name)) for name, (one, _) in [*self._running.items()] if one.done()]
        ended += [self._is_lost(self._running.pop(name)[1], "it left the queue") for name in gone & {*self._running}]
        if not ended:
            time.sleep(PAUSE)
        return ended

    def _gone(self) -> set[str]:
        """Return the names of the jobs that two looks at the queue have missed.

        Without accounting SLURM does not say that a job was cancelled or that its node died.
        """
        if not self._looks or time.monotonic() < self._next_look:
            return set()
        self._next_look = time.monotonic() + LOOK
        queued = _queued()
        if queued is None:
            return set()
        missing = {name for name, (one, _) in self._running.items() if str(one.job_id) not in queued}
        gone, self._missed = missing & self._missed, missing
        return gone

    def close(self) -> None:
        """Cancel all jobs; what submitit wrote is kept if a job was lost, because it may say why."""
        for handle, _ in self._running.values():
            handle.cancel(check=False)
        if not self._lost:
            remove(self._folder)

    def _ended(self, handle: Any, job: Job) -> Ended:
        try:
            ended: Ended = handle.result()
        except Exception as error:  # submitit raises errors of several kinds for a job without an answer
            lines = str(error).strip().splitlines() or [type(error).__name__]
            return self._is_lost(job, next((line for line in reversed(lines) if "Error: " in line), lines[0]))
        return ended

    def _is_lost(self, job: Job, reason: str) -> Ended:
        self._lost = True
        text = f"expected a job that ends, got none ({plain(reason)[:300]}; see its logs in {self._folder})"
        return Ended(job, text, lost=True)


def _queued() -> set[str] | None:
    """Return the numbers of the jobs that wait or run, such as `12` or, in an array, `12_3`; None if squeue fails."""
    command = ["squeue", "--me", "--noheader", "--array", "--format=%i"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return set(found.stdout.split())
