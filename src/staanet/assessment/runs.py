"""Evaluations that were written to folders: reading them, and whether two of them can be compared."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staanet.assessment.measurement import Row, read_rows
from staanet.core.checksums import check, seal
from staanet.core.errors import StaanetError
from staanet.core.files import read_json

FILE = "evaluation.json"
"""The file of an evaluation, next to the rows of the clips and the page."""

CLIPS = "clips.json"
"""The file with the results of the clips."""

NO_WEIGHTS = hashlib.sha256().hexdigest()
"""Hash of the weights of a model that has none, such as a function."""

CERTIFICATE, CERTIFIED_CLIPS = "certificate.json", "certified-clips.json"
"""The files of a certification: the figures, and the certificates of the clips."""

SEALED = (FILE, CLIPS, "summary.md", "card.md", "verdict.xml", "report/index.html")
"""The files whose checksums an evaluation has; the others are for its user to fill in."""

SHARED = {
    "ensemble": ("the same version of the attacks", "evaluate the older one again"),
    "labels": ("models of the same emotions", "rename or restrict them with --model-set labels"),
    "corpus": ("clips of the same corpus", "evaluate one of them again"),
    "preset": ("the same preset", "evaluate one of them again with the other --preset"),
    "curves": ("the same budgets", "evaluate one of them again with the other --budgets"),
    "saved": ("clips saved in the same format", "evaluate both or neither with --floats"),
}
"""Settings that two evaluations must share: what is expected, and what to do otherwise."""


@dataclass(frozen=True)
class Conditions:
    """Everything but the model and the seed that decides the numbers of an evaluation.

    Args:
        settings: The settings of `SHARED`.
        clips: Emotion and speaker of each clip, by its id.
        sample_rate: Sampling rate of the clips in Hz, which is that of the model.
        data: Hash of the recordings at that rate.
    """

    settings: Mapping[str, Any]
    clips: Mapping[str, tuple[str, str]]
    sample_rate: int
    data: str

    @classmethod
    def of(cls, about: Mapping[str, Any], clips: Mapping[str, tuple[str, str]]) -> "Conditions":
        """Return the conditions of an evaluation.

        Args:
            about: Its `settings`, `corpus`, `sample_rate` and `data`, as in `evaluation.json`.
            clips: Emotion and speaker of each clip, by its id.
        """
        settings = {**about["settings"], "corpus": about["corpus"], "labels": sorted(about["settings"]["labels"])}
        as_written = json.loads(json.dumps({key: settings[key] for key in SHARED}))
        return cls(as_written, clips, about["sample_rate"], about["data"])


@dataclass(frozen=True)
class Run:
    """An evaluation that was written to a folder.

    Args:
        folder: Its folder.
        name: Name of the model.
        identity: What decides the answers of the model.
        attacks: Names of the attacks.
        flags: Names of the flags.
        conditions: What it must share with another evaluation to be compared.
        rows: Results of the clips, by id.
        protection: What protects the model (`Protection.about`); None if nothing does.
        proven: Whether robust accuracy is proven by a certificate instead of measured.
    """

    folder: Path
    name: str
    identity: Mapping[str, Any]
    attacks: Sequence[str]
    flags: Sequence[str]
    conditions: Conditions
    rows: Mapping[str, Row]
    protection: Mapping[str, Any] | None = None
    proven: bool = False


def is_certificate(folder: Path) -> bool:
    """Return whether a folder holds a certificate and no evaluation."""
    return (folder / CERTIFICATE).is_file() and not (folder / FILE).is_file()


def read(folder: Path) -> Run:
    """Return the evaluation that a folder holds.

    Raises:
        StaanetError: If it holds none, or a damaged one.
    """
    if not (folder / FILE).is_file():
        raise StaanetError(f"{folder}: expected a folder that `staanet evaluate` wrote, found no {FILE} in it")
    check(folder, "evaluate again")
    found = read_json(folder / FILE)
    try:
        rows = read_rows(folder / CLIPS)
        if found["n"] != len(rows):
            raise StaanetError(f"{folder}: expected results of {found['n']} clips, got {len(rows)}; evaluate again")
        return run(folder, found, rows)
    except (KeyError, TypeError) as error:
        raise StaanetError(
            f"{folder}: expected an evaluation as this version writes it, got another ({error!r}); evaluate again"
        ) from None


def run(folder: Path, found: Mapping[str, Any], rows: Sequence[Row]) -> Run:
    """Return an evaluation as one that can be compared.

    Args:
        folder: Its folder.
        found: The content of its `evaluation.json`.
        rows: The results of its clips.
    """
    about = found["about"]
    return Run(
        folder=folder,
        name=found["model"],
        identity=about["identity"],
        attacks=about["attacks"],
        flags=sorted(found["flags"]),
        conditions=Conditions.of(about, {row.id: (row.label, row.speaker) for row in rows}),
        rows={row.id: row for row in rows},
        protection=about.get("protection"),
    )


def seal_files(folder: Path) -> None:
    """Write the checksums of the files of an evaluation."""
    seal(folder, [folder / name for name in SEALED if (folder / name).is_file()])


def replaced(folder: Path, identity: Mapping[str, Any]) -> list[str]:
    """Return a sentence if a folder holds an evaluation of another model, or of one that has changed since, else none.

    Args:
        folder: The folder.
        identity: What decides the answers of the model that is evaluated now.
    """
    if not (folder / FILE).is_file():
        return []
    found = read_json(folder / FILE)
    before = found.get("about", {}).get("identity", {})
    changed = [key for key in {**before, **identity} if before.get(key) != identity.get(key)]
    if not changed:
        return []
    return [
        f"{folder} holds an evaluation of {found.get('model')}, which differs in {', '.join(changed)}; its files are "
        "replaced, and its results are kept in parts."
    ]


def trainings_in(folder: Path) -> list[Path]:
    """Return the evaluations in a folder: the folder itself, or else those among its subfolders, sorted by name.

    Raises:
        StaanetError: If there is none.
    """
    if (folder / FILE).is_file() or is_certificate(folder):
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/{FILE}"))
    if not found:
        raise StaanetError(
            f"{folder}: expected a folder that `staanet evaluate` or `staanet certify` wrote, or a folder of such "
            f"folders, found no {FILE}"
        )
    return found


def check_comparable(one: Conditions, other: Conditions, names: tuple[str, str]) -> None:
    """Check that two evaluations differ in the model and the seed only.

    Args:
        one: Conditions of the first evaluation.
        other: Conditions of the second.
        names: What the message calls them.

    Raises:
        StaanetError: If they differ in anything else, with the first difference.
    """
    between = " and ".join(names)
    for key, (expected, remedy) in SHARED.items():
        if one.settings[key] != other.settings[key]:
            pair = " and ".join(json.dumps(conditions.settings[key]) for conditions in (one, other))
            raise StaanetError(f"{between}: expected {expected}, got {pair}; {remedy}")
    if set(one.clips) != set(other.clips):
        both = len(set(one.clips) & set(other.clips))
        raise StaanetError(
            f"{between}: expected the same clips, got {len(one.clips)} and {len(other.clips)} of which {both} are in "
            "both; evaluate one of them again on the clips of the other"
        )
    for clip, about in one.clips.items():
        if about != other.clips[clip]:
            pair = " and ".join(f"{label!r} by {speaker!r}" for label, speaker in (about, other.clips[clip]))
            raise StaanetError(
                f"{between}: expected the same emotion and speaker of the clip {clip}, got {pair}; evaluate again"
            )
    if one.sample_rate == other.sample_rate and one.data != other.data:
        raise StaanetError(
            f"{between}: expected the same recordings, got others under the same names; evaluate one of them again"
        )
