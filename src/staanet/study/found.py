"""What a run finds in its folder: verified before it is used, and removed if damaged, so that it is made again."""

import logging
from pathlib import Path

from staanet.core import records
from staanet.core.checksums import CHECKSUMS, Damage, add, damages, read, seal
from staanet.core.errors import StaanetError
from staanet.core.files import remove
from staanet.core.run import CONTENTS
from staanet.evaluation.adversarial import DONE
from staanet.evaluation.invariants import check_figures

logger = logging.getLogger(__name__)

WHOLE = {"datasets": "dataset.json", "models": "config.json", "generators": "config.json", "examples": "example.json"}
"""Folders of results that are written as a whole, and the file that a complete one has."""


def mend(out: Path) -> list[Damage]:
    """Remove what was damaged or changed after it was made, with a warning, and return what was found.

    Size and times of every file are compared with those that were written; if they differ, its contents are hashed.
    Results of earlier versions, which have no checksums, get them now.

    Args:
        out: The run's folder, which this process has locked.
    """
    adopt = (out / CONTENTS).is_file()
    found = _mend_whole(out, adopt)
    for folder in _folders(out / "adversarial"):
        found += _mend_adversarial(folder, adopt)
    return [*found, *_mend_records(out / "records"), *_mend_contents(out)]


def steps(out: Path) -> list[Path]:
    """Return the folders of a run that hold a result with checksums of its own."""
    kinds = (*WHOLE, "adversarial")
    folders = [folder for kind in kinds for folder in _folders(out / kind)]
    return [*folders, *(folder for folder in (out / "records", out) if (folder / CHECKSUMS).is_file())]


def _mend_whole(out: Path, adopt: bool) -> list[Damage]:
    """Mend datasets, models, generators and examples."""
    found = []
    for kind, complete in WHOLE.items():
        for folder in _folders(out / kind):
            if damaged := _told(damages(folder)):
                remove(folder)
                found += damaged
            elif adopt and not (folder / CHECKSUMS).is_file() and (folder / complete).is_file():
                seal(folder)
    return found


def _mend_adversarial(folder: Path, adopt: bool) -> list[Damage]:
    """Mend an adversarial set, of which batches that are intact are kept."""
    known = read(folder)
    if known is None:
        if adopt and (folder / DONE).is_file():
            seal(folder)
        return []
    damaged = _told(damages(folder))
    if any(damage.path.name == CHECKSUMS for damage in damaged):
        remove(folder)
        return damaged
    for damage in damaged:
        remove(damage.path)
    if damaged or DONE not in known:
        remove(folder / DONE)
        seal(folder)
    return damaged


def _mend_records(folder: Path) -> list[Damage]:
    """Mend records; one without a checksum is computed again from its outcomes."""
    if not folder.is_dir():
        return []
    found = [damage for damage in damages(folder) if damage.path.exists()]
    if any(damage.path.name == CHECKSUMS for damage in found):
        remove(folder / CHECKSUMS)
        found = [damage for damage in found if damage.path.name == CHECKSUMS]
    for damage in (damage for damage in _told(found) if damage.path.name != CHECKSUMS):
        remove(damage.path.with_suffix(".json"))
        remove(damage.path.with_suffix(".jsonl"))
    known = read(folder) or {}
    for path in sorted(folder.glob("*.json")):
        if path.name in known and path.with_suffix(".jsonl").name in known:
            continue
        try:
            check_figures(*records.read_with_outcomes(path), str(path))
            add(folder, [path, path.with_suffix(".jsonl")])
        except (StaanetError, KeyError, TypeError) as error:
            found += _told([Damage(path, str(error).removeprefix(f"{path}: "))])
            remove(path)
    return found


def _mend_contents(out: Path) -> list[Damage]:
    """Mend the list of what belongs to the run and the splits, which are written again in any case."""
    found = _told([damage for damage in damages(out) if damage.path.exists()])
    for damage in found:
        remove(damage.path)
    return found


def _told(found: list[Damage]) -> list[Damage]:
    for damage in found:
        logger.warning("%s; it is not used, and made again", damage)
    return found


def _folders(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
