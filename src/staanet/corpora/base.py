"""The interface of a corpus, and the description of its clips: an emotion and a speaker for each."""

import abc
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from staanet.audio.files import printable, read
from staanet.audio.formats import DATA_ENDINGS, ENDINGS, UNSUPPORTED, VIDEO_ENDINGS, conversion, is_unsupported
from staanet.core.errors import StaanetError
from staanet.core.fingerprints import contents
from staanet.core.signature import signature

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Utterance:
    """The description of one clip.

    Args:
        id: Id of the clip, unique in its corpus.
        path: Path of the file, relative to the root of the corpus.
        label: The emotion.
        speaker: Name of the speaker, unique in the corpus.
        gender: "female" or "male"; None if unknown.
        language: Code of the language in two letters (ISO 639-1); None if unknown.
        session: Name of the recording session; for a corpus with an official split, the subset (train, val or test).
        statement: Identifier of the spoken text, as the corpus has it.
        intensity: How strongly the emotion is acted, as the corpus has it.
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
        """Whether the clip is an augmented copy, which splits by speaker or session use for training only."""
        return False


@dataclass(frozen=True)
class Rated(Utterance):
    """The description of a clip with ratings of emotional dimensions; other fields are those of the clip.

    Args:
        dimensions: The rating of each dimension by its name, as a share of its scale, from 0 to 1.
    """

    dimensions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Segment(Utterance):
    """The description of a segment of a clip or of an augmented copy of it; other fields are those of the clip.

    Args:
        clip: Id of the clip.
        augmentation: How the clip was augmented, such as "pitch+1.5"; empty if it was not.
    """

    clip: str = ""
    augmentation: str = ""

    @property
    def is_augmented(self) -> bool:
        """Whether the segment is of an augmented copy, which splits by speaker or session use for training only."""
        return self.augmentation != ""


@dataclass(frozen=True)
class Validation:
    """The clips that were found at the root of a corpus, and what is wrong with others.

    Args:
        utterances: The usable clips.
        missing: Ids or paths of clips that belong to the corpus but were not found.
        extra: Paths of files that do not belong to the corpus.
        problems: One line for each clip that cannot be used.
        remarks: Lines about many clips, such as classes that were skipped or counts that differ from the published.
    """

    utterances: Sequence[Utterance]
    missing: Sequence[str] = ()
    extra: Sequence[str] = ()
    problems: Sequence[str] = ()
    remarks: Sequence[str] = ()


class Corpus(abc.ABC):
    """Base class of corpora; a subclass is a frozen dataclass whose fields are its settings.

    Methods take the root, the folder in which the files of the corpus lie. The first line of the docstring of a
    subclass is its summary in `staanet list corpora`.
    """

    name: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    on_disk: ClassVar[bool] = True
    """Whether the corpus consists of files; `root` is ignored by a corpus that does not."""

    @abc.abstractmethod
    def validate(self, root: Path) -> Validation:
        """Return the usable clips at `root` and what is missing, extra or unusable, without reading audio."""

    @abc.abstractmethod
    def labels(self, root: Path) -> tuple[str, ...]:
        """Return the emotions in the order of their class numbers."""

    def fingerprint(self, root: Path) -> str:
        """Return a hash of the descriptions of the clips at `root` and of the contents of their files.

        The contents of a file are hashed once, and again when it is changed or exchanged.

        Raises:
            StaanetError: If there is no usable clip, or a file cannot be read.
        """
        utterances = self.validate(root).utterances
        paths = [root / utterance.path for utterance in utterances] if self.on_disk else []
        try:
            hashes = contents(paths)
        except OSError as error:
            raise StaanetError(f"{error.filename}: expected a file that can be read, got {error.strerror}") from error
        known = [hashes[path] for path in paths] or [""] * len(utterances)
        return signature([[asdict(utterance), digest] for utterance, digest in zip(utterances, known, strict=True)])

    def read(self, root: Path, utterance: Utterance) -> tuple[Samples, int]:
        """Return the samples of a clip, `[T, C]`, and its sampling rate in Hz; see `staanet.audio.files.read`.

        Raises:
            StaanetError: If the file cannot be read.
        """
        return read(root / utterance.path)


def audio_files(root: Path) -> tuple[str, ...]:
    """Return the audio files in `root` and its subfolders as sorted relative paths, without hidden files.

    Raises:
        StaanetError: If `root` is not a folder.
    """
    if not root.is_dir():
        raise StaanetError(f"{root}: expected a folder of audio, found none; give --root or set STAANET_CORPORA")
    return tuple(sorted(path for path in _files(root, ENDINGS) if printable(path) == path))


def data_files(root: Path) -> tuple[str, ...]:
    """Return the files in `root` that are audio only if a table names them (see `staanet.audio.formats`)."""
    return tuple(sorted(path for path in _files(root, DATA_ENDINGS) if printable(path) == path))


def unusable_files(root: Path) -> dict[str, str]:
    """Return a line for each audio file in `root` that `audio_files` lacks because of its format or its name.

    Files that were converted already are left out: sound with readable sound of the same name next to it, and video
    with readable sound of the same name anywhere.
    """
    lines, readable = {}, list(_files(root, ENDINGS))
    converted = {str(PurePath(path).with_suffix("")) for path in readable}
    filmed = {PurePath(path).stem for path in readable}
    for path in sorted([*readable, *_files(root, UNSUPPORTED)]):
        name, where = PurePath(path), printable(root / path)
        if printable(path) != path:
            lines[path] = f"{where}: expected a name in UTF-8, got another encoding; rename the file; skipped"
        elif is_unsupported(path) and not (
            str(name.with_suffix("")) in converted or (name.suffix.lower() in VIDEO_ENDINGS and name.stem in filmed)
        ):
            lines[path] = f"{where}: {conversion(path)}; skipped"
    return lines


def _files(root: Path, endings: tuple[str, ...]) -> Iterator[str]:
    files = (path for path in _walked(root) if path.suffix.lower() in endings and path.name[0] != ".")
    return (str(path.relative_to(root)) for path in files)


def _walked(root: Path) -> Iterator[Path]:
    """Yield everything below a folder, in linked folders too, except for those that lead back to one above them."""
    for folder, folders, names in os.walk(root, followlinks=True):
        place = Path(folder)
        above = {os.path.realpath(each) for each in (place, *place.parents) if each.is_relative_to(root)}
        folders[:] = [name for name in folders if os.path.realpath(place / name) not in above]
        yield from (place / name for name in (*folders, *names))
