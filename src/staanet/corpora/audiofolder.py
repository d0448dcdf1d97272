"""Hugging Face's `audiofolder`: files in folders, and what each is in a table beside them or in its folder's name."""

from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation, audio_files
from staanet.corpora.folder import from_path
from staanet.corpora.listing import by_path
from staanet.corpora.tables import described, read_table

TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")

PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""By the name of a folder; its part is the session of its files."""


@dataclass(frozen=True)
class AudioFolder(Corpus):
    """A Hugging Face `audiofolder`, downloaded: `metadata.csv`, `.jsonl` or `.parquet`, or a folder per emotion.

    A table lies at the root or in the folder of a part (train, validation, test), describes the files by `file_name`
    from where it lies, and may have the columns of `folder`'s. Without one, a file is read as in `folder`.

    Args:
        emotion: the column that holds the emotion.
        speaker: the column that holds the speaker.
        emotions: the labels, in order; all that occur, in alphabetical order, where left out.
    """

    name = "audiofolder"
    licence = "the dataset's own"
    citation = "the dataset's own"

    emotion: str = "emotion"
    speaker: str = "speaker"
    emotions: tuple[str, ...] = ()

    def labels(self, root: Path) -> tuple[str, ...]:
        """Return the emotions that occur, or those that were given."""
        return self.emotions or tuple(sorted({utterance.label for utterance in self.validate(root).utterances}))

    def validate(self, root: Path) -> Validation:
        """List what the tables or the folders say, and what is not there.

        Raises:
            StaanetError: a table that cannot be read or lacks a column, a file described twice, or no usable clip.
        """
        names = {"file_name": "path", self.emotion.lower(): "emotion", self.speaker.lower(): "speaker"}
        tables = sorted(path for name in TABLES for path in root.rglob(name))
        clips = [
            clip
            for table in tables
            for clip in described(read_table(table, names), str(table.parent.relative_to(root)))
        ]
        form = f"{', '.join(TABLES)} or a folder per emotion with audio in it"
        return by_path(root, [_dealt(clip) for clip in clips or map(from_path, audio_files(root))], form, self.emotions)


def _dealt(clip: Utterance) -> Utterance:
    """Return a clip with the part that its folder is of, unless its table tells a session."""
    parts = [PARTS[folder.lower()] for folder in PurePath(clip.path).parts[:-1] if folder.lower() in PARTS]
    return replace(clip, session=clip.session or (parts[0] if parts else None))
