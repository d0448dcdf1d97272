"""Recordings of your own, described by a table or by one folder per emotion."""

from dataclasses import dataclass
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation, audio_files
from staanet.corpora.listing import by_path
from staanet.corpora.spelling import clip_id
from staanet.corpora.tables import described, read_table

SUBSETS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""The subset by the name of a folder in lower case; such a folder is no emotion."""


@dataclass(frozen=True)
class Folder(Corpus):
    """Recordings of your own, described by a table (`metadata.csv`) or sorted into one folder per emotion.

    The CSV table has the columns path (or file), emotion and speaker and, if known, gender, language, session,
    statement and intensity; paths are relative to the table. Without a table, the folder of a file is its emotion,
    unless it is named after a subset (train, validation, test), and the part of its name before the first `-` or `_` is
    its speaker.

    Args:
        table: Name of the table in the root folder.
        emotions: Emotions in the order of their class numbers (default: all that occur, in alphabetical order).
    """

    name = "folder"
    licence = "your own"
    citation = "your own"

    table: str = "metadata.csv"
    emotions: tuple[str, ...] = ()

    def labels(self, root: Path) -> tuple[str, ...]:
        """Return the emotions that were given, else those that occur."""
        return self.emotions or tuple(sorted({utterance.label for utterance in self.validate(root).utterances}))

    def validate(self, root: Path) -> Validation:
        """List the clips that the table or the folders describe.

        Raises:
            StaanetError: If the table lacks a column or describes a file twice, or if there is no usable clip.
        """
        table, form = root / self.table, f"{self.table} or a folder per emotion with audio in it"
        tabled = table.is_file()
        clips = described(read_table(table, {"file": "path"})) if tabled else list(map(from_path, audio_files(root)))
        return by_path(root, clips, form, self.emotions)


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
