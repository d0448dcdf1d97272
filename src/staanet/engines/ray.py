"""A cluster of Ray."""

import contextlib
import logging
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra
from staanet.core.processes import LOCK
from staanet.core.provenance import versions
from staanet.core.text import plain
from staanet.engines.base import Ended, Engine, Job, Work, attempt

PAUSE = 1.0
"""Seconds that a look at the jobs takes at most."""

SECONDS_TO_ANSWER = 10.0
"""Seconds within which something must answer at the address of a cluster."""

SECONDS_TO_START = 300.0
"""Seconds within which every node must have started a worker, which imports torch."""

COMPARED = ("staanet", "python", "torch")
"""Packages whose versions must be the same on every node."""


@dataclass(frozen=True)
class Ray(Engine):
    """Workers on the nodes of a running cluster of Ray (`ray start`), one for each core or GPU.

    Args:
        address: Address of the cluster: `HOST:PORT`, or `auto` for the one that runs on this machine.
        workers: Largest number of jobs at a time; as many as the cluster has room for by default.
    """

    name: ClassVar[str] = "ray"

    address: str = "auto"
    workers: int | None = None

    def __post_init__(self) -> None:
        """Check the number of workers."""
        if self.workers is not None and self.workers < 1:
            raise StaanetError(f"expected 1 worker or more, got {self.workers}; change --workers")

    @contextlib.contextmanager
    def open(self, work: Work) -> Iterator["RayPool"]:
        """Connect to the cluster and check its nodes; jobs that still run are ended after the block."""
        ray = self._connect()
        try:
            _check_nodes(ray, work)
            yield RayPool(ray, work, self.workers)
        finally:
            ray.shutdown()

    def uses_gpu(self, device: str | None) -> bool:
        """Return whether jobs compute on GPUs of the cluster."""
        ray = self._connect()
        if device is not None and not device.startswith("cuda"):
            return False
        has = bool(ray.cluster_resources().get("GPU", 0) >= 1)
        if device is not None and not has:
            raise StaanetError(
                f"expected a node with a GPU in the cluster at {self.address} for {device}, got none; start one "
                "(ray start --num-gpus), or give --device cpu"
            )
        return has

    def _connect(self) -> Any:
        """Return the module `ray`, connected to the cluster."""
        ray = import_extra("ray", "scale")
        if ray.is_initialized():
            return ray
        if self.address != "auto":
            _check_reachable(self.address)
        try:
            ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise StaanetError(
                f"expected a cluster of Ray at {self.address}, got none that can be used ({_said(error)}); start "
                "one (ray start --head), or change --address"
            ) from error
        return ray


class RayPool:
    """Jobs on a cluster. A job whose node or worker dies is reported as lost.

    Args:
        ray: The module `ray`, connected to the cluster.
        work: What the jobs are parts of.
        most: Largest number of jobs at a time, if it is limited.
    """

    def __init__(self, ray: Any, work: Work, most: int | None) -> None:
        self._ray, self._most = ray, most
        self._work = ray.put(work)
        self._attempt = ray.remote(max_retries=0, num_cpus=1)(attempt)
        self._running: dict[Any, Job] = {}

    @property
    def free(self) -> int:
        """How many more jobs the cluster has room for, or may have; one waits there, so that no worker does."""
        cores = int(self._ray.cluster_resources().get("CPU", 0))
        most = cores + 1 if cores and self._most is None else self._most
        return max((most or 0) - len(self._running), 0)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Hand jobs to the cluster, which begins each where there is room."""
        for job in jobs:
            self._running[self._attempt.options(num_gpus=job.gpus).remote(self._work, job)] = job

    def wait(self) -> list[Ended]:
        """Return the jobs that have ended."""
        ready, _ = self._ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        if not ready:
            ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=PAUSE)
        return [self._ended(one, self._running.pop(one)) for one in ready]

    def _ended(self, reference: Any, job: Job) -> Ended:
        try:
            ended: Ended = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            reason = f"{type(error).__name__}: {_said(error)}"
            return Ended(job, f"expected a worker that ends its job, got one that died ({reason})", lost=True)
        return ended


def _check_reachable(address: str) -> None:
    """Refuse an address at which nothing answers, for which Ray itself would wait long."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in address:
        raise StaanetError(f"expected the address of a cluster of Ray, auto or HOST:PORT, got {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise StaanetError(
            f"expected a cluster of Ray at {address}, got no answer ({error}); start one (ray start --head --port "
            f"{port}), or change --address"
        ) from error


def _check_nodes(ray: Any, work: Work) -> None:
    """Refuse nodes with other versions, and nodes that do not see the folder of the work.

    Raises:
        StaanetError: There is one.
    """
    strategy = import_extra("ray.util.scheduling_strategies", "scale").NodeAffinitySchedulingStrategy
    nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    ask = ray.remote(max_retries=0, num_cpus=0)(_about_node)
    expected, lock = _versions(), _content(work.folder / LOCK)
    asked = {
        name: ask.options(scheduling_strategy=strategy(node_id=node, soft=False)).remote(work.folder / LOCK)
        for node, name in nodes.items()
    }
    for name, reference in asked.items():
        try:
            found, seen = ray.get(reference, timeout=SECONDS_TO_START)
        except ray.exceptions.RayError as error:
            raise StaanetError(
                f"node {name}: expected staanet {expected['staanet']}, got an error ({_said(error)}); install it "
                "there as here"
            ) from error
        if others := [f"{package} {found[package]}" for package in COMPARED if found[package] != expected[package]]:
            here = ", ".join(f"{package} {expected[package]}" for package in COMPARED)
            raise StaanetError(f"node {name}: expected {here}, got {', '.join(others)}; install the same versions")
        if seen != lock:
            raise StaanetError(
                f"node {name}: expected a folder that all nodes share, got {work.folder}, which it does not see; give "
                "--out in a shared folder"
            )


def _about_node(lock: Path) -> tuple[dict[str, str], str | None]:
    """Return the versions of a node and the lock of a run as it sees it; this runs on the node."""
    return _versions(), _content(lock)


def _content(lock: Path) -> str | None:
    """Return what the lock of a folder says, None if there is no such file."""
    with contextlib.suppress(OSError):
        return lock.read_text(encoding="utf-8")
    return None


def _versions() -> dict[str, str]:
    found = versions()
    return {package: found[package] for package in COMPARED}


def _said(error: Exception) -> str:
    r"""Return what an error says in one line; of one with a traceback, what was raised in the end.

    >>> _said(ValueError("\x1b[36mray::attempt()\x1b[39m\n  File x\nKeyError: 'a'"))
    "KeyError: 'a'"
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line for line in map(str.strip, text.splitlines()) if line] or [type(error).__name__]
    return plain(next((line for line in reversed(lines) if re.match(r"[\w.]+Error: ", line)), lines[0]))[:300]
