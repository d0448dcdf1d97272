"""A bad input, and the judgement of what a reader does with it."""

import contextlib
import io
import json
import logging
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.foreign import told as foreign

SECONDS = 10
"""Longest time that a reader may compute for a bad input; it may wait six times as long for other processes."""


@dataclass(frozen=True)
class Case:
    """A bad input.

    `read` makes the input in an empty folder and reads it. It raises, or returns the lines that say what was left out.
    """

    reader: str
    name: str
    read: Callable[[Path], Any]


@dataclass(frozen=True)
class Judgement:
    """What happened: `refused` and `told` are right; `traceback`, `accepted`, `many lines` and `hang` are wrong."""

    reader: str
    name: str
    result: str
    seconds: float
    message: str

    @property
    def right(self) -> bool:
        return self.result in ("refused", "told")


class Hang(BaseException):
    """Raised in a reader that takes too long."""


def judge(case: Case, folder: Path) -> Judgement:
    """Return what a reader does with a bad input."""
    started = time.process_time()
    try:
        with _limited(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lines = case.read(folder)
        told = isinstance(lines, list) and lines and all(isinstance(line, str) for line in lines)
        result, message = ("told" if told else "accepted"), str(lines[0] if told else lines)
    except Hang:
        result, message = "hang", ""
    except StaanetError as error:
        message = str(error)
        result = "refused" if "\n" not in message and message.strip() else "many lines"
    except Exception as error:
        result, message = "traceback", f"{type(error).__name__}: {foreign(error)}"
    return Judgement(case.reader, case.name, result, time.process_time() - started, message[:300])


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hang

    timers = ((signal.ITIMER_PROF, signal.SIGPROF, SECONDS), (signal.ITIMER_REAL, signal.SIGALRM, 6 * SECONDS))
    before = [signal.signal(number, stop) for _, number, _ in timers]
    for timer, _, seconds in timers:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for (timer, number, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def command(*words: object) -> list[str]:
    """Run the command line in this process; raise its one line as an error, and return its warnings if it succeeds."""
    import sys

    from staanet import cli

    out, err = io.StringIO(), io.StringIO()
    arguments, handlers, level, wording = sys.argv, logging.root.handlers[:], logging.root.level, warnings.formatwarning
    sys.argv = ["staanet", *map(str, words)]
    logging.root.handlers.clear()
    status = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    finally:
        sys.argv = arguments
        logging.captureWarnings(False)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        warnings.formatwarning = wording
    lines = err.getvalue()
    if status == 2 and "Usage:" in lines:
        raise StaanetError("a wrong use of the command line, with its usage")
    if status == 2 and "please report it" not in lines and "Traceback" not in lines:
        raise StaanetError(lines.removesuffix("\n"))
    if status == 0:
        return [line for line in lines.splitlines() if "skipped" in line]
    raise RuntimeError(f"status {status}: {lines}")


def edited(path: Path, change: Callable[[Any], Any]) -> None:
    """Change the value of a JSON file, or the list of the values of a JSON Lines file, and drop checksums."""
    text = path.read_text()
    lines = path.suffix == ".jsonl"
    value = [json.loads(line) for line in text.splitlines()] if lines else json.loads(text)
    value = change(value) or value
    path.write_text("".join(json.dumps(row) + "\n" for row in value) if lines else json.dumps(value))
    unsealed(path.parent)


def unsealed(folder: Path) -> None:
    """Remove the checksums of a folder, so that its contents alone decide whether it is read."""
    (folder / "checksums.jsonl").unlink(missing_ok=True)
