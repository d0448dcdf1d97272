"""Your own recordings: a folder per emotion, or a table that says what each file is."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path, PurePath

from staanet.core.errors import StaanetError, unknown
from staanet.corpora.base import Corpus, Utterance, Validation, audio_files

REQUIRED = ("path", "emotion", "speaker")
OPTIONAL = ("gender", "language", "session", "statement", "intensity")


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
        files = dict.fromkeys(audio_files(root))
        tabled = (root / self.table).is_file()
        described = self._from_table(root) if tabled else [self._from_path(path) for path in files]
        there = [utterance for utterance in described if utterance.path in files]
        known = self.emotions or tuple(sorted({utterance.label for utterance in there} - {""}))
        kept: dict[str, Utterance] = {}
        problems = []
        for utterance in there:
            if utterance.label not in known:
                wrong = str(unknown("emotion", utterance.label, known))
            elif utterance.id in kept:
                wrong = f"expected each clip once, got {kept[utterance.id].path} too"
            else:
                kept[utterance.id] = utterance
                continue
            problems.append(f"{root / utterance.path}: {wrong}; left out")
        if not kept:
            raise StaanetError(
                f"{root}: expected {self.table} or a folder per emotion with audio in it, found no usable clip"
            )
        return Validation(
            utterances=tuple(kept.values()),
            missing=[utterance.path for utterance in described if utterance.path not in files],
            extra=sorted(set(files) - {utterance.path for utterance in described}),
            problems=problems,
        )

    def _from_table(self, root: Path) -> list[Utterance]:
        table = root / self.table
        try:
            text = table.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise StaanetError(f"{table}: expected UTF-8, got {error}; save the table as UTF-8") from None
        reader = csv.DictReader(io.StringIO(text))
        columns = [column.strip().lower() for column in reader.fieldnames or ()]
        columns = ["path" if column == "file" else column for column in columns]
        for column in REQUIRED:
            if column not in columns:
                raise StaanetError(
                    f"{table}: expected the columns {', '.join(REQUIRED)}; found no {column!r} in "
                    f"{', '.join(columns) or 'an empty file'}; add it to the first line"
                )
        reader.fieldnames = columns
        rows = list(reader)
        seen: dict[str, Utterance] = {}
        for line, row in enumerate(rows, start=2):
            empty = [column for column in REQUIRED if not (row[column] or "").strip()]
            if empty:
                raise StaanetError(f"{table}, line {line}: expected a value for {empty[0]}, found none")
            path = str(PurePath(row["path"].strip()))
            if path in seen:
                raise StaanetError(f"{table}, line {line}: expected each file once, got {path} again; remove one line")
            known = {column: (row.get(column) or "").strip() or None for column in OPTIONAL}
            seen[path] = Utterance(
                str(PurePath(path).with_suffix("")), path, row["emotion"].strip(), row["speaker"].strip(), **known
            )
        return list(seen.values())

    @staticmethod
    def _from_path(path: str) -> Utterance:
        parts = PurePath(path)
        label = parts.parts[-2] if len(parts.parts) > 1 else ""
        speaker = parts.stem.replace("_", "-").split("-")[0]
        return Utterance(str(parts.with_suffix("")), path, label, speaker)
