"""Runs of a tiny experiment in processes of their own, and what their folders hold."""

import contextlib
import json
import logging
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from staanet import report, study
from staanet.core.errors import StaanetError
from staanet.core.record import PROVENANCE

EXPERIMENT = Path(__file__).parent / "tiny.toml"
"""The experiment."""

TRACEBACK, REFUSED = 70, 2


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Args:
        status: Exit status; negative for the number of the signal that killed it.
        lines: Its warnings, and its error.
    """

    status: int
    lines: list[str] = field(default_factory=list)


def fork(task: Callable[[], Any], log: Path) -> int:
    """Start a task in a process of its own, whose warnings go to a file, and return the number of the process."""
    sys.stdout.flush()
    if (child := os.fork()) != 0:
        return child
    status = TRACEBACK
    try:
        torch.set_num_threads(1)
        logging.basicConfig(filename=log, level=logging.WARNING, format="%(message)s", force=True)
        task()
        status = 0
    except StaanetError as error:
        logging.error("refused: %s", error)
        status = REFUSED
    except BaseException as error:
        logging.error("traceback: %r", error)
    finally:
        logging.shutdown()
        os._exit(status)


def waited(child: int, log: Path) -> Ended:
    """Wait until a process has ended."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(status, log.read_text(encoding="utf-8").splitlines() if log.exists() else [])


def killed_after(child: int, seconds: float, log: Path) -> Ended:
    """Kill a process after a time, unless it has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return Ended(os.waitstatus_to_exitcode(status))
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    return waited(child, log)


def run(out: Path, *, page: bool) -> None:
    """Run the experiment into a folder; without the page and the tables if these do not matter, which saves time."""
    with contextlib.ExitStack() as stack:
        if not page:
            stack.enter_context(mock.patch.object(report, "write", lambda one: one.folder))
        study.run(EXPERIMENT, out, device="cpu")


def whole_run(folder: Path, *, page: bool) -> Path:
    """Return the folder of a run that was not disturbed, made in a process of its own."""
    out, log = folder / "whole", folder / "log"
    ended = waited(fork(lambda: run(out, page=page), log), log)
    if ended.status != 0:
        raise RuntimeError("\n".join(ended.lines))
    return out


def results(out: Path) -> dict[str, Any]:
    """Return what a repeated run must equal: the records without their provenance, and the outcomes."""
    found = {}
    for path in sorted((out / "records").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        found[path.name] = {name: value for name, value in record.items() if name not in PROVENANCE}
        found[path.with_suffix(".jsonl").name] = path.with_suffix(".jsonl").read_text(encoding="utf-8")
    return found


def without(out: Path, lines: list[str]) -> list[str]:
    """Return lines without the path of the run's folder, which is another each time."""
    return [line.replace(f"{out}/", "").replace(str(out), "RUN") for line in lines]


def leftovers(out: Path) -> list[str]:
    """Return the files of processes that did not finish them."""
    names = (".partial", ".previous", ".progress")
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.name.endswith(names))


def in_own_process(task: Callable[[], Any], folder: Path) -> Any:
    """Return what a task returns in a process of its own, whose warnings are not shown."""
    answer = folder / ".answer"
    ended = waited(fork(lambda: answer.write_bytes(pickle.dumps(task())), folder / ".log"), folder / ".log")
    if ended.status != 0:
        raise RuntimeError("\n".join(ended.lines))
    value = pickle.loads(answer.read_bytes())  # noqa: S301 - written by this process
    answer.unlink()
    return value


@contextlib.contextmanager
def measured(seconds: list[float]) -> Iterator[None]:
    """Add how long the block takes to a list."""
    began = time.monotonic()
    yield
    seconds.append(time.monotonic() - began)
