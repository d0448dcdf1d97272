"""What all artefacts of a study share: a folder named by the settings that decide them, made only if it is missing."""

import abc
import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

from staanet.core.signature import signature_of

logger = logging.getLogger(__name__)

Settings = dict[str, Any]


def ensure_files(kind: str, files: Sequence[Path], make: Callable[[], object]) -> None:
    """Call `make` unless all files exist."""
    shown = files[0].stem if kind == "record" else files[0].parent.name
    if all(path.is_file() for path in files):
        logger.debug("%s %s: exists", kind, shown)
        return
    logger.info("%s %s", kind, shown)
    make()


class Artefact(abc.ABC):
    """A file or folder of a study that follows from settings and from other artefacts.

    Its place carries the signature of its settings, so that it is found again as long as these stay the same.
    """

    kind: ClassVar[str]
    """Its name in messages."""

    @cached_property
    def settings(self) -> Settings:
        """All settings that can change its content."""
        return self._settings()

    @cached_property
    def signature(self) -> str:
        """The hash of its settings."""
        return signature_of(self.settings)

    @abc.abstractmethod
    def _settings(self) -> Settings: ...

    @property
    @abc.abstractmethod
    def files(self) -> Sequence[Path]:
        """The files that are written last: the artefact is complete if all of them exist."""

    @abc.abstractmethod
    def build(self) -> None:
        """Make the artefact, and what it follows from if that is missing."""

    def ensure(self) -> Self:
        """Make the artefact unless it exists."""
        ensure_files(self.kind, self.files, self.build)
        return self
