"""What a corpus is: named clips of speech with an emotion and a speaker each."""

import abc
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from staanet.audio.files import read
from staanet.core.errors import StaanetError
from staanet.core.signature import signature

Samples = NDArray[np.float32]

SILENCE = 1e-5
"""A peak below this is silence: less than one step of 16-bit audio."""


@dataclass(frozen=True)
class Utterance:
    """One clip: where it is and what is known of it. `id` is unique in its corpus, `path` relative to the root.

    `session` says in which recordings it was made or, where the corpus deals its own clips, in which part it is (train,
    val, test); `statement` which text is spoken; `intensity` how strongly the emotion is acted, as the corpus has them.
    """

    id: str
    path: str
    label: str
    speaker: str
    gender: str | None = None
    language: str | None = None
    session: str | None = None
    statement: str | None = None
    intensity: str | None = None

    @property
    def is_augmented(self) -> bool:
        """Whether it was made from what was spoken, for training to hear as well."""
        return False


@dataclass(frozen=True)
class Segment(Utterance):
    """A stretch of a `clip`, or of a `augmentation` of it where one is named; all else is known of the clip."""

    clip: str = ""
    augmentation: str = ""

    @property
    def is_augmented(self) -> bool:
        """Whether it was made from what was spoken, for training to hear as well."""
        return self.augmentation != ""


@dataclass(frozen=True)
class Validation:
    """What was found at a root: the clips, and what is wrong with them, one line each.

    `remarks` are of many clips at once: classes left out, numbers that are not the published ones.
    """

    utterances: Sequence[Utterance]
    missing: Sequence[str] = ()
    extra: Sequence[str] = ()
    problems: Sequence[str] = ()
    remarks: Sequence[str] = ()


class Corpus(abc.ABC):
    """A corpus at a root folder; a subclass is a frozen dataclass whose fields are its settings.

    A file of this room reads, in this order: what the corpus is and who made it, citation, licence, labels, layout.
    """

    name: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    on_disk: ClassVar[bool] = True
    """Whether it lies in files of its own; `root` means nothing to a corpus that does not."""

    @abc.abstractmethod
    def validate(self, root: Path) -> Validation:
        """List the clips at `root`, what is missing, what is extra and what cannot be used, without reading audio."""

    @abc.abstractmethod
    def labels(self, root: Path) -> tuple[str, ...]:
        """Return the emotions in the order of their class numbers."""

    def fingerprint(self, root: Path) -> str:
        """Return a hash of the clips at `root`: what is known of each, and the size of its file.

        Raises:
            StaanetError: nothing usable there.
        """
        utterances = self.validate(root).utterances
        sizes = [(root / utterance.path).stat().st_size if self.on_disk else 0 for utterance in utterances]
        return signature([[asdict(utterance), size] for utterance, size in zip(utterances, sizes, strict=True)])

    def read(self, root: Path, utterance: Utterance) -> tuple[Samples, int]:
        """Return a clip's samples `[T, C]` in [-1, 1] and its sample rate.

        Raises:
            StaanetError: the file cannot be read.
        """
        return read(root / utterance.path)


def audio_files(root: Path) -> tuple[str, ...]:
    """Return the audio files below `root` as relative paths, in order; hidden ones are passed over.

    Raises:
        StaanetError: no such folder.
    """
    if not root.is_dir():
        raise StaanetError(f"{root}: expected a folder of audio, found none; give --root or set STAANET_CORPORA")
    suffixes = {".wav", ".flac", ".ogg", ".mp3"}
    files = (path for path in root.rglob("*") if path.suffix.lower() in suffixes and path.name[0] != ".")
    return tuple(sorted(str(path.relative_to(root)) for path in files))
