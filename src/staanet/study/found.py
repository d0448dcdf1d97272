"""How a step is found again: by the hash of all that decides it."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from staanet.core.signature import signature
from staanet.core.version import __version__

logger = logging.getLogger(__name__)

Settings = dict[str, Any]


def signature_of(settings: Settings) -> str:
    """Return the hash of settings and of the library's version."""
    return signature({"version": __version__, **settings})


def ensure(kind: str, last: Sequence[Path], make: Callable[[], object]) -> None:
    """Make a thing unless its last files are there."""
    shown = last[0].stem if kind == "record" else last[0].parent.name
    if all(path.is_file() for path in last):
        logger.debug("%s %s: found", kind, shown)
        return
    logger.info("%s %s", kind, shown)
    make()
