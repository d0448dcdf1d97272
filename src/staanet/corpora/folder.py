"""Your own recordings: a folder per emotion, or a table that says what each file is."""

from dataclasses import dataclass
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation, audio_files
from staanet.corpora.listing import by_path
from staanet.corpora.tables import described, read_table


@dataclass(frozen=True)
class Folder(Corpus):
    """Audio files at `root`, described in one of two ways.

    - A CSV table (`metadata.csv`, or the name given as `table`) with the columns path (or file), emotion, speaker and,
      where known, gender, language, session, statement, intensity; paths are relative to the table.
    - No table: a folder per emotion. The speaker is the part of the file name before the first `-` or `_`.

    Args:
        table: name of the table within `root`.
        emotions: the labels, in order; all that occur, in alphabetical order, where left out.
    """

    name = "folder"
    licence = "your own"
    citation = "your own"

    table: str = "metadata.csv"
    emotions: tuple[str, ...] = ()

    def labels(self, root: Path) -> tuple[str, ...]:
        """Return the emotions that occur, or those that were given."""
        return self.emotions or tuple(sorted({utterance.label for utterance in self.validate(root).utterances}))

    def validate(self, root: Path) -> Validation:
        """List what the table or the folders say, and what is not there.

        Raises:
            StaanetError: a table without a required column, a file described twice, or no audio at all.
        """
        table, form = root / self.table, f"{self.table} or a folder per emotion with audio in it"
        tabled = table.is_file()
        clips = described(read_table(table, {"file": "path"})) if tabled else list(map(from_path, audio_files(root)))
        return by_path(root, clips, form, self.emotions)


def from_path(path: str) -> Utterance:
    """Return what the place of a file says: its folder is the emotion, its name begins with the speaker."""
    parts = PurePath(path)
    label = parts.parts[-2] if len(parts.parts) > 1 else ""
    speaker = parts.stem.replace("_", "-").split("-")[0]
    return Utterance(str(parts.with_suffix("")), path, label, speaker)
