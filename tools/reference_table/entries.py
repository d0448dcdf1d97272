"""Entries of the reference table: evaluations in `results/evaluations` and `results/submissions`.

A folder holds `evaluation.json` and `clips.json` as `staanet evaluate` wrote them, and `entry.toml`. Every figure of
the table is computed again from the clips; a submission whose figures do not follow from its clips is refused.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from reference_table.recall import uar
from staanet.assessment.measurement import Row
from staanet.assessment.result import budget_name, robust
from staanet.assessment.runs import FILE, Run, check_comparable, read
from staanet.assessment.settings import ENSEMBLE
from staanet.assessment.verification import verify
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.core.settings import read_toml, validated

NOTE = "entry.toml"
"""File with what an evaluation does not say."""

AGAIN = "again"
"""Folder in a submission with the evaluation for which its weights were attacked here."""

BUDGETS = (("dense", 60.0), ("dense", 40.0), ("sparse", 0.01))
"""The three budgets of the table: peak SNRs in dB where every sample may change, and a share of the samples."""

ORDER = (1, 0, 2)
"""Numbers of the budgets in the order in which they rank models."""

SPARSE_SNR_DB = 17.0
"""Peak SNR in dB of the changes of few samples."""

MEASURED, VERIFIED, UNVERIFIED = "measured here", "verified", "unverified"


@dataclass(frozen=True)
class Note:
    """What an evaluation does not say.

    Args:
        model: Reference from which the weights can be loaded; empty if they are not published.
        weights: Hash of the weights, as in `evaluation.json`.
        training: What the model was trained on and how, in a sentence.
        submitted_by: Name of whoever submitted it; empty for results of this project.
    """

    model: str = ""
    weights: str = ""
    training: str = ""
    submitted_by: str = ""


@dataclass(frozen=True)
class Figure:
    """A UAR with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Entry:
    """An evaluation of the table.

    Args:
        folder: Its folder.
        run: What it must share with others to be compared, and its clips.
        about: Its settings, versions, hashes and counts.
        note: The content of its `entry.toml`.
    """

    folder: Path
    run: Run
    about: Mapping[str, Any]
    note: Note

    @property
    def rows(self) -> list[Row]:
        """The results of its clips."""
        return list(self.run.rows.values())

    @property
    def weights(self) -> str:
        """Hash of the weights."""
        return str(self.about["identity"].get("weights", ""))

    @property
    def speakers(self) -> int:
        """Number of speakers."""
        return len({row.speaker for row in self.rows})

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """Its UAR on clean clips, at the three budgets, and under noise of the second budget, by name."""
        curves, rows = self.about["settings"]["curves"], self.rows
        found = {"clean": self._figure(np.array([row.right for row in rows], dtype=np.float64))}
        for kind, level in BUDGETS:
            place = list(curves[kind]).index(level)
            found[name_of(kind, level)] = self._figure(robust(rows, kind, place))
        kind, level = BUDGETS[ORDER[0]]
        noise = [getattr(row, kind).noise[list(curves[kind]).index(level)] for row in rows]
        found[f"noise, {name_of(kind, level)}"] = self._figure(np.array(noise, dtype=np.float64))
        return found

    def _figure(self, values: Any) -> Figure:
        return Figure(*uar(values, [row.label for row in self.rows], [row.speaker for row in self.rows]))

    @cached_property
    def doubts(self) -> list[str]:
        """Why a submission is not verified: a sentence for each figure that was not found again."""
        if not (self.folder / AGAIN).is_dir():
            return ["its weights were not attacked here yet"]
        try:
            return differences(self, read_entry(self.folder / AGAIN))
        except StaanetError as error:
            return [str(error)]

    @property
    def status(self) -> str:
        """Whether the figures were measured here, found again here, or neither."""
        if self.folder.parent.name == "evaluations":
            return MEASURED
        return UNVERIFIED if self.doubts else VERIFIED


def name_of(kind: str, level: float) -> str:
    """Return the name of a budget of the table.

    >>> name_of("dense", 40.0), name_of("sparse", 0.01)
    ('40 dB', '17 dB, 1 % of the samples')
    """
    return budget_name(level, 1) if kind == "dense" else budget_name(SPARSE_SNR_DB, level)


def read_entry(folder: Path) -> Entry:
    """Return the entry that a folder holds.

    Raises:
        StaanetError: It is no evaluation, its figures do not follow from its clips, or it does not fit into the table.
    """
    found = verify(folder)
    if found.problems:
        more = len(found.problems) - 1
        raise StaanetError(f"{found.problems[0]}{f' ({more} more figures differ)' if more else ''}")
    about = read_json(folder / FILE)["about"]
    note = Note()
    if (folder / NOTE).is_file():
        note = validated(Note, read_toml(folder / NOTE), str(folder / NOTE))
    entry = Entry(folder, read(folder), about, note)
    _check(entry)
    return entry


def _check(entry: Entry) -> None:
    settings, curves = entry.about["settings"], entry.about["settings"]["curves"]
    where = entry.folder / FILE
    if settings["ensemble"] != ENSEMBLE:
        raise StaanetError(f"{where}: expected the ensemble {ENSEMBLE}, got {settings['ensemble']}; evaluate again")
    missing = [name_of(kind, level) for kind, level in BUDGETS if level not in curves[kind]]
    if missing or curves["sparse_snr_db"] != SPARSE_SNR_DB:
        raise StaanetError(
            f"{where}: expected the budgets of the table, found no {', '.join(missing) or 'sparse one at 17 dB'}; "
            "evaluate again without --budgets"
        )
    if entry.about["corpus"] == "synthetic":
        raise StaanetError(f"{where}: expected clips of people, got synthetic speech; evaluate on a corpus of speech")
    if entry.note.weights and entry.note.weights != entry.weights:
        raise StaanetError(
            f"{entry.folder / NOTE}: expected weights = {entry.weights!r} as in {FILE}, got {entry.note.weights!r}"
        )


def differences(entry: Entry, again: Entry) -> list[str]:
    """Return what a second evaluation of the same weights did not find as submitted, a sentence for each.

    Args:
        entry: The submission.
        again: The evaluation for which its weights were attacked here.
    """
    if again.weights != entry.weights:
        return [f"expected the weights {entry.weights[:12]}, got {again.weights[:12]}"]
    try:
        check_comparable(entry.run.conditions, again.run.conditions, ("the submission", "the evaluation made here"))
    except StaanetError as error:
        return [str(error)]
    return [
        f"expected a UAR ({name}) of {100 * own.low:.1f} to {100 * own.high:.1f} % as submitted, got "
        f"{100 * found.value:.1f} % when the weights were attacked again"
        for (name, own), found in zip(entry.figures.items(), again.figures.values(), strict=True)
        if not own.low <= found.value <= own.high
    ]


def read_entries(results: Path) -> list[Entry]:
    """Return all entries of the folder of results, those of this project first."""
    folders = [
        path.parent for part in ("evaluations", "submissions") for path in sorted(results.glob(f"{part}/*/{FILE}"))
    ]
    return [read_entry(folder) for folder in folders]


def grouped(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the entries in groups that can be compared, each sorted by robust UAR from the highest on."""
    groups: list[list[Entry]] = []
    for entry in entries:
        for group in groups:
            try:
                check_comparable(group[0].run.conditions, entry.run.conditions, ("one", "other"))
            except StaanetError:
                continue
            group.append(entry)
            break
        else:
            groups.append([entry])
    order = [name_of(*BUDGETS[place]) for place in ORDER]
    return [sorted(group, key=lambda entry: [-entry.figures[name].value for name in order]) for group in groups]


def note_text(note: Note) -> str:
    """Return the text of an `entry.toml`."""
    lines = [f"{key} = {_quoted(value)}" for key, value in dataclasses.asdict(note).items() if value]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
