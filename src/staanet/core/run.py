"""The folder of a run: its records, the outcomes of every clip, and the layout of its page."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from staanet.core import records as record_files
from staanet.core.checksums import seal
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, write_json
from staanet.core.notebook import Shown, few
from staanet.core.paths import as_path, inside
from staanet.core.published import PUBLISHED_RECORDS, PublishedRecords, write_published
from staanet.core.records import FORMAT, Record, Rows
from staanet.core.settings import validated

CONTENTS = "run.json"
"""Name of the file in a run's folder that holds the layout and lists the records, examples and splits."""


@dataclass(frozen=True)
class Headline:
    """The case that the summary of a run is about, which the experiment names.

    Args:
        attack: Name of the attack.
        source: Name of the source model; `none` for an attack that needs none.
        target: Name of the target model.
        corpus: Name of the corpus of the clips; needed only if the attack is evaluated on this model with clips of
            several corpora.
    """

    attack: str
    source: str
    target: str
    corpus: str = ""


@dataclass(frozen=True)
class Layout:
    """What the page of a run shows.

    Args:
        title: Title of the page.
        published: Name of the published table that is shown with the run's own results, such as `staanet.table4`;
            empty for none.
        toy: Whether the run is a toy run on synthetic speech, whose results must not be published.
        by_gender: Whether results are also shown separately for male and female speakers.
        pairwise: Names of the attacks that are compared with each other pair by pair.
        equal_distortion: Whether models are compared at equal distortion of the clips.
        headline: The case that the summary is about; None if the experiment names none.
        selection_folds: Folds on which settings were chosen, so that their results may be too good.
        left_out: What the experiment names and was not run, each as a sentence with the reason.
    """

    title: str = ""
    published: str = ""
    toy: bool = False
    by_gender: bool = False
    pairwise: tuple[str, ...] = ()
    equal_distortion: bool = False
    headline: Headline | None = None
    selection_folds: tuple[int, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents(Layout):
    """Everything that `run.json` holds: the layout, the format, and the names of the files that belong to the run."""

    format: int = FORMAT
    records: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    records_sha256: Mapping[str, str] = field(default_factory=dict)
    """The hash of each record by the name of its file, so that a record that was changed after the run is noticed."""


class RecordSource(Protocol):
    """A place from which the records of a run and their outcomes are read."""

    def records(self) -> list[Record]:
        """Return all records, one per fold, in the order of the experiment."""

    def outcomes(self, record: Record) -> Rows:
        """Return the per-clip outcomes of one of these records, checked against the hash in the record."""


class RecordFolder:
    """Records in a run's folder `records`, each with its outcomes in a file of its own.

    Args:
        paths: Paths of the records, in the order of the experiment.
        hashes: The hash of each record by the name of its file, without ending.
    """

    def __init__(self, paths: Iterable[Path], hashes: Mapping[str, str]) -> None:
        self._paths, self._hashes = list(paths), hashes
        self._outcomes: dict[str, Rows] = {}

    def records(self) -> list[Record]:
        """Read all records and check their outcomes."""
        records = []
        for path in self._paths:
            record, rows = record_files.read_with_outcomes(path, self._hashes.get(path.stem))
            self._outcomes[record.signature] = rows
            records.append(record)
        return records

    def outcomes(self, record: Record) -> Rows:
        """Return the outcomes of a record, which were read together with it."""
        if not self._outcomes:
            self.records()
        return self._outcomes[record.signature]


class Run(Shown):
    """The folder of a run: either what `staanet run` wrote, or a published study under `results/`.

    A published study holds all records in `records.jsonl` and all outcomes in `outcomes.parquet`; both kinds of folder
    are read through the same properties. Everything is read on first use and then kept.

    Args:
        folder: Path of the folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = as_path(folder)

    def facts(self) -> tuple[str, dict[str, str]]:
        """Return folder, models, attacks and number of records, as a session shows them."""
        try:
            records = self.records
        except StaanetError as error:
            return f"Run {self.folder.name}", {"folder": str(self.folder), "cannot be read": str(error)}
        return f"Run {self.title or self.folder.name}", {
            "folder": str(self.folder),
            "records": str(len(records)),
            "models": few(list(dict.fromkeys(record.target for record in records))),
            "attacks": few(list(dict.fromkeys(record.attack for record in records))),
            "examples": str(len(self.examples)),
        }

    @cached_property
    def layout(self) -> Layout:
        """What the page shows; the defaults if the folder has no `run.json`."""
        contents = self._contents or Contents()
        return Layout(**{field.name: getattr(contents, field.name) for field in dataclasses.fields(Layout)})

    @property
    def title(self) -> str | None:
        """Title of the page; None if the folder has no `run.json`."""
        return self.layout.title or None

    @property
    def toy(self) -> bool:
        """Whether this is a toy run, whose results must not be published."""
        return self.layout.toy

    @property
    def record_paths(self) -> list[Path]:
        """Paths of the records in the folder `records`, in the order of the experiment."""
        return self._paths("records", "*.json")

    @property
    def examples(self) -> list[Path]:
        """Folders of the examples to listen to, in the order of the experiment."""
        return self._paths("examples", "[!.]*")

    @cached_property
    def splits(self) -> list[dict[str, Any]]:
        """The splits on which the run was evaluated, as they were written."""
        return [read_json(path) for path in self._paths("splits", "*.json")]

    @cached_property
    def records(self) -> list[Record]:
        """The records of the run, one per fold, in the order of the experiment.

        A run without attacks, which only counts clips, has none.

        Raises:
            StaanetError: The folder is not the folder of a run, or a record is damaged.
        """
        records = self._source.records()
        if not records and self._contents is None:
            raise StaanetError(
                f"{self.folder / 'records'}: expected records (*.json), found none; give the folder that `staanet run` "
                "wrote"
            )
        return records

    def outcomes(self, record: Record) -> Rows:
        """Return the per-clip outcomes of a record; for a pooled record, those of all its folds together."""
        parts = {part.signature: part for part in self.records}
        names = record.pooled or [record.signature]
        return [row for name in names for row in self._source.outcomes(parts[name])]

    @property
    def is_published(self) -> bool:
        """Whether this is a published study under `results/` and not the folder that `staanet run` wrote."""
        return (self.folder / PUBLISHED_RECORDS).is_file()

    def write(
        self,
        layout: Layout,
        *,
        records: Iterable[Path] = (),
        examples: Iterable[Path] = (),
        splits: Iterable[Path] = (),
    ) -> None:
        """Write `run.json`, which lists what belongs to the run with its present settings.

        Files in the folder that are not listed, such as those of earlier settings, are kept and ignored.

        Args:
            layout: What the page shows.
            records: Paths of the records, in the order in which they are shown.
            examples: Folders of the examples, in the order in which they are shown.
            splits: Paths of the splits.
        """
        files = {"records": list(records), "examples": list(examples), "splits": list(splits)}
        names = {kind: [path.name for path in paths] for kind, paths in files.items()}
        hashes = {"records_sha256": {path.stem: record_files.record_hash(read_json(path)) for path in files["records"]}}
        write_json(self.folder / CONTENTS, {"format": FORMAT, **dataclasses.asdict(layout), **names, **hashes})
        seal(self.folder, [self.folder / CONTENTS, *files["splits"]])
        folder = self.folder
        vars(self).clear()  # forget what was read before
        self.folder = folder

    def publish(self, folder: Path) -> None:
        """Write the published form of the run: its layout, records and outcomes, without any audio.

        Args:
            folder: Folder that receives the files; others in it are kept.

        Raises:
            StaanetError: pyarrow is not installed, or the folder cannot be written.
        """
        splits = {
            f"{number:02d}.json": split for number, split in enumerate(self.splits if self.layout.published else [])
        }
        for name, split in splits.items():
            write_json(folder / "splits" / name, split)
        contents = {"format": FORMAT, **dataclasses.asdict(self.layout), "records": [], "examples": []}
        outcomes = {record.signature: self.outcomes(record) for record in self.records}
        hashes = write_published(folder, self.records, outcomes)
        write_json(folder / CONTENTS, {**contents, "splits": list(splits), "records_sha256": hashes})

    @cached_property
    def _source(self) -> RecordSource:
        """Where the records are read from, which depends on the kind of folder."""
        if self.is_published:
            return PublishedRecords(self.folder, self.hashes)
        return RecordFolder(self.record_paths, self.hashes)

    @property
    def hashes(self) -> Mapping[str, str]:
        """The hash of each record by the name of its file, or in a published study by its signature.

        A folder of an earlier version has none.
        """
        return {} if self._contents is None else self._contents.records_sha256

    @cached_property
    def _contents(self) -> Contents | None:
        """What `run.json` holds; None if there is no such file."""
        path = self.folder / CONTENTS
        if not path.is_file():
            return None
        values = read_json(path)
        if isinstance(values, dict) and values.get("format") != FORMAT:
            got = f"format {values['format']}" if "format" in values else "none, as of staanet 0.1"
            raise StaanetError(
                f"{path}: expected a run of format {FORMAT}, which this version of staanet writes, got {got}; run the "
                "experiment again into another folder"
            )
        return validated(Contents, values, str(path))

    def _paths(self, kind: str, pattern: str) -> list[Path]:
        """Return the listed files of a kind, or all that match a pattern if the folder has no `run.json`."""
        folder = self.folder / kind
        if self._contents is None:
            return sorted(folder.glob(pattern))
        return [inside(folder, name) for name in getattr(self._contents, kind)]


def as_run(run: Run | str | Path) -> Run:
    """Return a run for its folder; a run is returned as it is."""
    return run if isinstance(run, Run) else Run(run)
