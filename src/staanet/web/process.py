"""The process that does the work: it answers one question after the other, and stops an attack when it is told to."""

import importlib
import logging
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from staanet.core.errors import StaanetError
from staanet.web.settings import WebSettings

logger = logging.getLogger(__name__)

TASKS = {
    "look": "staanet.web.clips",
    "catalogue": "staanet.web.catalogue",
    "attack": "staanet.web.attacking",
    "runs": "staanet.web.runs",
    "compare": "staanet.web.runs",
}
"""The module of each task; its function has the name of the task."""

STOP = "stop"
"""What the server sends to end the present task."""

INTERVAL = 0.1
"""Seconds between two looks at what the server says."""


class Interrupted(Exception):  # noqa: N818
    """Raised inside a task that the server has stopped."""


class Talk:
    """What a task says to the server while it works.

    Args:
        connection: Connection to the server.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last = 0.0
        self.passes = 0

    def step(self) -> None:
        """Count a pass through the model, tell it to the server from time to time, and end the task if it says so.

        Raises:
            Interrupted: If the server has stopped the task.
        """
        self.passes += 1
        if time.monotonic() - self._last < INTERVAL:
            return
        self._last = time.monotonic()
        if self._connection.poll() and self._connection.recv() == STOP:
            raise Interrupted
        self._connection.send(("passes", self.passes))

    def say(self, what: str) -> None:
        """Tell the server what the task does now.

        Raises:
            Interrupted: If the server has stopped the task.
        """
        self._last = 0.0
        self.passes -= 1
        self._connection.send(("doing", what))
        self.step()


def work(connection: Connection, settings: WebSettings) -> None:
    """Answer the questions of the server until it closes the connection; the body of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the server, which then ends its processes
    serve(connection, settings)


def serve(connection: Connection, settings: WebSettings) -> None:
    """Answer the questions of the server, pairs of the name of a task and its arguments, until it goes away."""
    while True:
        try:
            question = connection.recv()
            if question != STOP:  # one that came after the end of its task
                connection.send(_answer(connection, settings, *question))
        except (EOFError, OSError):
            return


def _answer(connection: Connection, settings: WebSettings, name: str, arguments: dict[str, Any]) -> tuple[str, Any]:
    """Return how a task ended, and its result or a sentence that says what was wrong."""
    try:
        task: Callable[..., Any] = getattr(importlib.import_module(TASKS[name]), name)
        return "done", task(settings, Talk(connection), **arguments)
    except Interrupted:
        return "cancelled", None
    except StaanetError as error:
        return "failed", _without_folder(str(error), settings)
    except OSError as error:
        if isinstance(error, BrokenPipeError | ConnectionResetError):
            raise
        return "failed", _without_folder(f"expected files that can be read, got {error}", settings)
    except Exception as error:  # models of others can raise any exception
        logger.exception("%s", name)
        return "failed", _without_folder(
            f"expected an answer, got {type(error).__name__}: {error}; the terminal shows where it came from", settings
        )


def _without_folder(message: str, settings: WebSettings) -> str:
    return message.replace(f"{settings.folder}/", "")
