"""Databases in audformat, the format in which audb publishes corpora: media files, a header, and tables."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.extras import import_extra
from staanet.core.signature import LATER
from staanet.corpora.base import Corpus, Utterance, Validation
from staanet.corpora.listing import by_path
from staanet.corpora.ratings import UNSPECIFIED, Scale, check_dimensions, rated, ratings_of

EXTRA = "audformat"
HEADER = "db.yaml"


@dataclass(frozen=True)
class Audformat(Corpus):
    """A database in audformat, as `audb.load_to` writes it: `db.yaml` and tables; needs the extra `audformat`.

    Emotion, speaker and gender are looked up in all tables and in the descriptions of speakers. The split of a table
    (train, dev, test), if it has one, becomes the session of its files. Tables are read as CSV or Parquet, never as
    pickles.

    Args:
        tables: Names of the tables with the emotion (default: all, which must then agree).
        emotion: Scheme or column with the emotion.
        speaker: Scheme or column with the speaker.
        gender: Scheme or column with the gender of the speaker.
        emotions: Emotions in the order of their class numbers (default: all that occur, in alphabetical order).
        dimensions: Schemes or columns with ratings of emotional dimensions, such as arousal, valence, dominance; the
            database needs no emotion then.
        scale: Lowest and highest value of the ratings, such as 1 and 7.
    """

    name = "audformat"
    licence = "the database's own"
    citation = "the database's own"

    tables: tuple[str, ...] = ()
    emotion: str = "emotion"
    speaker: str = "speaker"
    gender: str = "gender"
    emotions: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = field(default=(), metadata=LATER)
    scale: Scale = field(default=(0.0, 1.0), metadata=LATER)

    def __post_init__(self) -> None:
        """Validate the dimensions."""
        check_dimensions(self.dimensions, self.scale)

    def labels(self, root: Path) -> tuple[str, ...]:
        """Return the emotions that were given, else those that occur."""
        return self.emotions or tuple(sorted({utterance.label for utterance in self.validate(root).utterances}))

    def validate(self, root: Path) -> Validation:
        """List the clips that the tables describe.

        Raises:
            StaanetError: If there is no database; if it lacks a table, the emotion or the speaker; or if its tables
                disagree or describe segments of files.
        """
        database = _load(root)
        for table in self.tables:
            if table not in database.tables:
                raise StaanetError(f"{root}: {unknown_name('table', table, database.tables)}")
        try:
            main, *others = self.dimensions or (self.emotion,)
            others += [self.emotion] if self.dimensions else []
            known = database.get(
                main, [*others, self.speaker, self.gender], tables=list(self.tables) or list(database.tables)
            )
        except (ValueError, TypeError) as error:
            raise StaanetError(
                f"{root}: expected one emotion and one speaker per clip, got {_line(error)}; "
                f"name tables that agree, of {', '.join(database.tables)}"
            ) from error
        if known.index.nlevels > 1:
            raise StaanetError(
                f"{root}: expected tables of whole files, got segments of files; name other tables, or cut the files"
            )
        known = known.astype(object).where(known.notna(), None)
        needed = [*(self.dimensions or (self.emotion,)), self.speaker]
        for scheme in needed:
            if scheme not in known or known[scheme].isna().all():
                raise StaanetError(f"{root}: {unknown_name('scheme', scheme, database.schemes)}")
        subsets, language = _subsets(database, needed[0]), _language(database)
        clips = [
            self._described(root, str(file), row, language, subsets.get(file))
            for file, row in known.dropna(subset=needed).to_dict("index").items()
        ]
        found = by_path(root, clips, f"the files that the tables of {HEADER} name", self.emotions)
        left_out = len(known) - len(clips)
        lacking = "a rating or a speaker" if self.dimensions else "an emotion or a speaker"
        remarks = [f"skipped {left_out} clips without {lacking}"] if left_out else []
        return replace(found, remarks=[*found.remarks, *remarks])

    def _described(
        self, root: Path, file: str, row: Mapping[str, Any], language: str | None, session: str | None
    ) -> Utterance:
        """Return the description of a file by its row."""
        emotion = row.get(self.emotion)
        clip = Utterance(
            id=str(PurePath(file).with_suffix("")),
            path=str(PurePath(file)),
            label=UNSPECIFIED if emotion is None else str(emotion),
            speaker=str(row[self.speaker]),
            gender=None if row.get(self.gender) is None else str(row[self.gender]),
            language=language,
            session=session,
        )
        return rated(clip, ratings_of(row, self.dimensions, self.scale, f"{root}: {file}"))


def _load(root: Path) -> Any:
    """Return the database at `root`, without running code that its header or tables may contain."""
    audformat, yaml = import_extra("audformat", EXTRA), import_extra("yaml", EXTRA)
    if not (root / HEADER).is_file():
        raise StaanetError(f"{root}: expected a database with the header {HEADER}, found none; give its folder")
    try:
        header = yaml.safe_load((root / HEADER).read_text(encoding="utf-8"))
        database = audformat.Database.load_header_from_yaml(header)
        for name in [*database.misc_tables, *database.tables]:
            _read(database[name], root, name)
    except StaanetError:
        raise
    except Exception as error:  # audformat, yaml, pandas and pyarrow share no base class
        cause = f"{type(error).__name__}: {_line(error)}"
        raise StaanetError(f"{root / HEADER}: expected a database in audformat, got {cause}; load it again") from error
    return database


def _read(table: Any, root: Path, name: str) -> None:
    """Read a table from a copy in an empty folder, because audformat prefers a pickle that lies next to the table."""
    files = [root / f"db.{name}.{kind}" for kind in ("parquet", "csv")]
    existing = [file for file in files if file.is_file()]
    if not existing:
        raise StaanetError(f"{root}: expected the table {files[0].name} or {files[1].name}, found none; load it again")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"table{existing[0].suffix}"
        shutil.copyfile(existing[0], copy)
        table.load(str(copy.with_suffix("")))


def _subsets(database: Any, emotion: str) -> dict[str, str]:
    """Return the subset of each file that is in a table with the emotion and with a split."""
    named = {"train": "train", "dev": "val", "test": "test"}
    subsets: dict[str, str] = {}
    for table in database.tables.values():
        subset = named.get(database.splits[table.split_id].type) if table.split_id else None
        if subset and emotion in table.columns:
            subsets |= dict.fromkeys(table.files, subset)
    return subsets


def _language(database: Any) -> str | None:
    """Return the code of the language in two letters, None unless the database has exactly one language."""
    known = database.languages
    return import_extra("iso639", EXTRA).Lang(known[0]).pt1 or None if len(known) == 1 else None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
