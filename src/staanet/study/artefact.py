"""What all artefacts of a study share: a folder named by the settings that decide them, made only if it is missing."""

import abc
import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from staanet.core.signature import signature_of

logger = logging.getLogger(__name__)

Settings = dict[str, Any]


class Step(Protocol):
    """What has a place in the order of a study: an artefact, or a model that is used as it is."""

    @property
    def follows_from(self) -> Sequence["Step"]:
        """What must exist before it."""


def ensure_files(title: str, files: Sequence[Path], make: Callable[[], object]) -> None:
    """Call `make` unless all files exist."""
    if all(path.is_file() for path in files):
        logger.debug("%s: exists", title)
        return
    logger.info("%s", title)
    make()


def artefacts_before(step: Step) -> list["Artefact"]:
    """Return the artefacts that must exist before a step, those that models in between follow from among them."""
    before: list[Artefact] = []
    for one in step.follows_from:
        before += [one] if isinstance(one, Artefact) else artefacts_before(one)
    return list(dict.fromkeys(before))


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

    @property
    @abc.abstractmethod
    def follows_from(self) -> Sequence[Step]:
        """What `build` needs."""

    @property
    def exists(self) -> bool:
        """Whether it is complete."""
        return all(path.is_file() for path in self.files)

    @property
    def title(self) -> str:
        """Its kind and the name of its folder, which together no other artefact of a run has."""
        return f"{self.kind} {self.files[0].parent.name}"

    @abc.abstractmethod
    def build(self) -> None:
        """Make the artefact, and what it follows from if that is missing."""

    def ensure(self) -> Self:
        """Make the artefact unless it exists."""
        ensure_files(self.title, self.files, self.build)
        return self

    def ensure_before(self) -> None:
        """Make everything that it follows from, whether or not it exists itself."""
        for artefact in artefacts_before(self):
            artefact.ensure_before()
            artefact.ensure()
