"""Databases in audformat, which the tool audb publishes: media, a header, and tables of what each file is."""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.extras import import_extra
from staanet.corpora.base import Corpus, Utterance, Validation
from staanet.corpora.listing import by_path

EXTRA = "audformat"
HEADER = "db.yaml"


@dataclass(frozen=True)
class Audformat(Corpus):
    """A database in audformat, as `audb.load_to` leaves it: `db.yaml` and its tables; needs the extra `audformat`.

    Emotion, speaker and sex are looked up in all tables and in what is known of each speaker. The parts of tables that
    name one (train, dev, test) become sessions. Tables are read as CSV or Parquet, never as pickles.

    Args:
        tables: that hold the emotion; all where left out, which must agree.
        emotion: scheme or column that holds it.
        speaker: scheme or column that holds the speaker.
        gender: scheme or column that holds the speaker's sex.
        emotions: the labels, in order; all that occur, in alphabetical order, where left out.
    """

    name = "audformat"
    licence = "the database's own"
    citation = "the database's own"

    tables: tuple[str, ...] = ()
    emotion: str = "emotion"
    speaker: str = "speaker"
    gender: str = "gender"
    emotions: tuple[str, ...] = ()

    def labels(self, root: Path) -> tuple[str, ...]:
        """Return the emotions that occur, or those that were given."""
        return self.emotions or tuple(sorted({utterance.label for utterance in self.validate(root).utterances}))

    def validate(self, root: Path) -> Validation:
        """List what the tables say, and what is not there.

        Raises:
            StaanetError: no database, no such table, scheme or speaker, tables that disagree, or parts of files.
        """
        database = _load(root)
        for table in self.tables:
            if table not in database.tables:
                raise StaanetError(f"{root}: {unknown_name('table', table, database.tables)}")
        try:
            known = database.get(
                self.emotion, [self.speaker, self.gender], tables=list(self.tables) or list(database.tables)
            )
        except (ValueError, TypeError) as error:
            raise StaanetError(
                f"{root}: expected one emotion and speaker a clip, got {_line(error)}; "
                f"name tables that agree, of {', '.join(database.tables)}"
            ) from error
        if known.index.nlevels > 1:
            raise StaanetError(
                f"{root}: expected tables of whole files, got segments of files; name other tables, or cut the files"
            )
        known = known.astype(object).where(known.notna(), None)
        for scheme in (self.emotion, self.speaker):
            if scheme not in known or known[scheme].isna().all():
                raise StaanetError(f"{root}: {unknown_name('scheme', scheme, database.schemes)}")
        parts, language = _parts(database, self.emotion), _language(database)
        clips = [
            Utterance(
                id=str(PurePath(file).with_suffix("")),
                path=str(PurePath(file)),
                label=str(row[self.emotion]),
                speaker=str(row[self.speaker]),
                gender=row.get(self.gender),
                language=language,
                session=parts.get(file),
            )
            for file, row in known.dropna(subset=[self.emotion, self.speaker]).to_dict("index").items()
        ]
        found = by_path(root, clips, f"the files that the tables of {HEADER} name", self.emotions)
        left = len(known) - len(clips)
        remarks = [f"left out {left} clips without an emotion or a speaker"] if left else []
        return replace(found, remarks=[*found.remarks, *remarks])


def _load(root: Path) -> Any:
    """Return the database at `root`; its header and tables are read without running what they may hold."""
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
    except Exception as error:  # audformat, yaml, pandas and pyarrow have no common one
        told = f"{type(error).__name__}: {_line(error)}"
        raise StaanetError(f"{root / HEADER}: expected a database in audformat, got {told}; load it again") from error
    return database


def _read(table: Any, root: Path, name: str) -> None:
    """Read a table from a copy beside which no pickle lies, since that would be preferred."""
    files = [root / f"db.{name}.{kind}" for kind in ("parquet", "csv")]
    there = [file for file in files if file.is_file()]
    if not there:
        raise StaanetError(f"{root}: expected the table {files[0].name} or {files[1].name}, found none; load it again")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"table{there[0].suffix}"
        shutil.copyfile(there[0], copy)
        table.load(str(copy.with_suffix("")))


def _parts(database: Any, emotion: str) -> dict[str, str]:
    """Return the part of each file that a table with the emotion names."""
    named = {"train": "train", "dev": "val", "test": "test"}
    parts: dict[str, str] = {}
    for table in database.tables.values():
        part = named.get(database.splits[table.split_id].type) if table.split_id else None
        if part and emotion in table.columns:
            parts |= dict.fromkeys(table.files, part)
    return parts


def _language(database: Any) -> str | None:
    """Return the two letters of the language, where there is one."""
    known = database.languages
    return import_extra("iso639", EXTRA).Lang(known[0]).pt1 or None if len(known) == 1 else None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
