"""The `audiofolder` layout of Hugging Face datasets, in which tables or the names of folders describe the files."""

from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation, audio_files
from staanet.corpora.folder import SUBSETS, from_path
from staanet.corpora.listing import by_path
from staanet.corpora.tables import described, read_table, repeated_lines

TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


@dataclass(frozen=True)
class AudioFolder(Corpus):
    """A downloaded Hugging Face `audiofolder`: `metadata.csv`, `.jsonl` or `.parquet`, or one folder per emotion.

    Tables lie in the root folder or in the folder of a subset (train, validation, test). Their column `file_name` is
    relative to the table, and they may have the other columns of the corpus `folder`. Without a table, files are
    described as in `folder`.

    Args:
        emotion: Name of the column with the emotion.
        speaker: Name of the column with the speaker.
        emotions: Emotions in the order of their class numbers (default: all that occur, in alphabetical order).
    """

    name = "audiofolder"
    licence = "the dataset's own"
    citation = "the dataset's own"

    emotion: str = "emotion"
    speaker: str = "speaker"
    emotions: tuple[str, ...] = ()

    def labels(self, root: Path) -> tuple[str, ...]:
        """Return the emotions that were given, else those that occur."""
        return self.emotions or tuple(sorted({utterance.label for utterance in self.validate(root).utterances}))

    def validate(self, root: Path) -> Validation:
        """List the clips that the tables or the folders describe.

        Raises:
            StaanetError: If a table cannot be read, lacks a column or describes a file twice, or if there is no usable
                clip.
        """
        names = {"file_name": "path", self.emotion.lower(): "emotion", self.speaker.lower(): "speaker"}
        paths = sorted(path for name in TABLES for path in root.rglob(name))
        tables = [read_table(path, names) for path in paths]
        clips = [clip for table in tables for clip in described(table, str(table.path.parent.relative_to(root)))]
        repeated = [line for table in tables for line in repeated_lines(table)]
        form = f"{', '.join(TABLES)} or a folder per emotion with audio in it"
        found = by_path(root, clips or list(map(from_path, audio_files(root))), form, self.emotions)
        utterances = tuple(map(_with_subset, found.utterances))
        return replace(found, utterances=utterances, remarks=[*repeated, *found.remarks])


def _with_subset(clip: Utterance) -> Utterance:
    """Return a clip with the subset of its folder as session, unless its table has a session for it."""
    folders = (folder.lower() for folder in PurePath(clip.path).parts[:-1])
    subsets = [SUBSETS[folder] for folder in folders if folder in SUBSETS]
    return replace(clip, session=clip.session or (subsets[0] if subsets else None))
