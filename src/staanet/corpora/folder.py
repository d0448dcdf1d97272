"""Recordings of your own, described by a table, by a pattern of their names or by one folder per emotion."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from staanet.core.errors import StaanetError
from staanet.core.signature import LATER
from staanet.corpora.base import Corpus, Utterance, Validation, audio_files
from staanet.corpora.label_maps import check_label_map, with_emotions
from staanet.corpora.listing import by_path
from staanet.corpora.patterns import Pattern
from staanet.corpora.ratings import Scale, check_dimensions
from staanet.corpora.spelling import clip_id
from staanet.corpora.tables import described, read_table, repeated_lines

SUBSETS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""The subset by the name of a folder in lower case; such a folder is no emotion."""

TABLE = "metadata.csv"


@dataclass(frozen=True)
class Folder(Corpus):
    """Recordings of your own, described by a table (`metadata.csv`) or sorted into one folder per emotion.

    The CSV table has the columns path (or file), emotion and speaker and, if known, gender, language, session,
    statement and intensity; paths are relative to the table. Instead of a table, a pattern can describe the names of
    the files. Without either, the folder of a file is its emotion, unless it is named after a subset (train,
    validation, test), and the part of its name before the first `-` or `_` is its speaker.

    Args:
        table: Name of the table in the root folder.
        emotions: Emotions in the order of their class numbers (default: all that occur, in alphabetical order).
        pattern: Pattern of the names of the files, such as `{speaker}_{emotion}_{statement}` or
            `{speaker}/{emotion}/*.wav`; see `staanet.corpora.patterns.Pattern` (default: none).
        emotion_map: Emotions by the labels that the table, the names or the folders contain, such as
            `{ang = "anger"}`; other labels are kept.
        dimensions: Columns of the table with ratings of emotional dimensions, such as arousal, valence, dominance; the
            table needs no emotion then.
        scale: Lowest and highest value of the ratings, such as 1 and 7.
    """

    name = "folder"
    licence = "your own"
    citation = "your own"

    table: str = TABLE
    emotions: tuple[str, ...] = ()
    pattern: str = ""
    emotion_map: dict[str, str] = field(default_factory=dict)
    dimensions: tuple[str, ...] = field(default=(), metadata=LATER)
    scale: Scale = field(default=(0.0, 1.0), metadata=LATER)

    def __post_init__(self) -> None:
        """Validate the pattern, the label map and the dimensions."""
        check_dimensions(self.dimensions, self.scale)
        check_label_map(self.emotion_map, "emotion_map")
        if self.pattern and self.table != TABLE:
            raise StaanetError(f"expected either a table or a pattern, got {self.table} and {self.pattern!r}; drop one")
        if self.pattern and self.dimensions:
            raise StaanetError("expected a table with the columns of the dimensions, got a pattern of names; drop one")
        if self.pattern:
            Pattern(self.pattern)

    def labels(self, root: Path) -> tuple[str, ...]:
        """Return the emotions that were given, else those that occur."""
        return self.emotions or tuple(sorted({utterance.label for utterance in self.validate(root).utterances}))

    def validate(self, root: Path) -> Validation:
        """List the clips that the table, the pattern or the folders describe.

        Raises:
            StaanetError: If the table does not exist, lacks a column or describes a file in two ways, if no file fits
                the pattern, or if there is no usable clip.
        """
        clips, misfits, remarks = self._described(root)
        clips, unused = with_emotions(clips, self.emotion_map)
        form = f"{self.table} or a folder per emotion with audio in it"
        found = by_path(root, clips, f"audio with names like {self.pattern}" if self.pattern else form, self.emotions)
        return replace(
            found,
            extra=[] if self.pattern else found.extra,
            problems=[*misfits, *found.problems],
            remarks=[*remarks, *unused, *found.remarks],
        )

    def _described(self, root: Path) -> tuple[list[Utterance], Sequence[str], list[str]]:
        """Return the descriptions of the clips, a line for each file that does not fit the pattern, and remarks."""
        table = root / self.table
        if self.pattern:
            remarks = [f"{self.table} is not read, because a pattern was given"] if table.is_file() else []
            return *_fitting(root, Pattern(self.pattern)), remarks
        if table.is_file():
            rows = read_table(table, {"file": "path"}, strict=True)
            return described(rows, "", self.dimensions, self.scale), [], repeated_lines(rows)
        if self.table != TABLE or self.dimensions:
            raise StaanetError(f"{table}: expected the table of the corpus, found none; correct its name")
        clips = list(map(from_path, audio_files(root)))
        if clips and not any(clip.label for clip in clips):
            folder = PurePath(clips[0].path).parent.name
            raise StaanetError(
                f"{root}: expected the folder of an emotion, got {repr(folder) if folder else 'the root'} for "
                f"{clips[0].path}, found no usable clip of {len(clips)}; add {TABLE}, or give a pattern of the names "
                "such as {speaker}_{emotion}_*"
            )
        return clips, [], []


def _fitting(root: Path, pattern: Pattern) -> tuple[list[Utterance], list[str]]:
    """Return the descriptions of the files whose names fit a pattern, and a line for each other file.

    Raises:
        StaanetError: If no file fits.
    """
    files = audio_files(root)
    read = [(path, pattern.read(path)) for path in files]
    clips = [clip for _, clip in read if clip is not None]
    misfits = [path for path, clip in read if clip is None]
    if misfits and not clips:
        raise StaanetError(
            f"{root}: expected names like {pattern.text}, got {len(misfits)} audio files and none that fits, such as "
            f"{misfits[0]!r} with {pattern.misfit(misfits[0])}; change the pattern"
        )
    lines = [
        f"{root / path}: expected a name like {pattern.text}, got {pattern.misfit(path)}; skipped" for path in misfits
    ]
    return clips, lines


def from_path(path: str) -> Utterance:
    """Return the description of a clip whose folder is its emotion and whose name begins with its speaker.

    The label is empty if the file lies in no folder, or in one that names a subset.

    >>> from_path("test/joy/anna_1.wav").label, from_path("test/anna_1.wav").label
    ('joy', '')
    """
    parts = PurePath(path)
    folder = parts.parent.name
    label = "" if folder.lower() in SUBSETS else folder
    speaker = parts.stem.replace("_", "-").split("-")[0]
    return Utterance(clip_id(path), path, label, speaker)
