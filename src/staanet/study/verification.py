"""Verification of a run: hashes of all files, records computed again, and a sample of outcomes computed again."""

import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch

from staanet.core import records as record_files
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.core.record import Record, Rows
from staanet.core.run import CONTENTS, Run
from staanet.core.seeds import derive
from staanet.core.settings import validated
from staanet.core.signature import signature_of
from staanet.core.verification import Verification
from staanet.data import Dataset
from staanet.defences import DEFENCES
from staanet.evaluation import AdversarialSet, clean_logits, evaluate
from staanet.evaluation.invariants import check_figures
from staanet.evaluation.worst import worst
from staanet.models import MeanLogits, Model, load_model
from staanet.models.wrappers import DefendedView, LabelView
from staanet.study.found import steps

OF_CASE = ("target", "voices", "perception", "folds_planned")
"""Settings of a case that its adversarial set does not have."""

CLEAR = 1e-3
"""Smallest margin of a decision that rounding cannot change."""

EXACT = ("id", "label", "length", "l0", "speaker", "gender")
"""Columns of an outcome that rounding cannot change."""

DECISIONS = {"predicted_clean": "margin_clean", "predicted_adv": "margin_adv"}
"""Decisions, each with the column of its margin."""


def verify(folder: Path, clips: int = 2) -> Verification:
    """Verify the folder of a run, or a published study.

    All files are hashed; every record is computed again from its outcomes; and the outcomes of a few clips of every
    record are computed again from the audio, the adversarial examples and the model in the folder.

    Args:
        folder: The folder.
        clips: Number of clips of each record whose outcomes are computed again; 0 for none.

    Raises:
        StaanetError: The folder holds no run.
    """
    if not (folder / CONTENTS).is_file() and not (folder / "records").is_dir():
        raise StaanetError(f"{folder}: expected a folder that `staanet run` wrote, found no {CONTENTS}")
    found, run = Verification(folder), Run(folder)
    if run.is_published:
        found.not_checked.append(f"{folder}: a published study holds no audio and no models")
        _check_published(run, found)
        return found
    _check_files(folder, found)
    held = _check_records(run, found)
    for record, rows in held.values() if clips else ():
        try:
            _check_outcomes(folder, record, rows, held, clips, found)
        except StaanetError as error:
            found.problems.append(str(error))
    found.problems = list(dict.fromkeys(found.problems))
    return found


def _check_files(folder: Path, found: Verification) -> None:
    """Hash all files; records of earlier settings that were removed are no damage."""
    found.check_files(steps(folder))
    listed = _listed(folder)
    gone = [
        f"{path}: expected a file, found none"
        for path in map(Path, (line.split(": ")[0] for line in found.problems))
        if path.parent.name == "records" and path.with_suffix(".json").name not in listed and not path.exists()
    ]
    found.problems = [line for line in found.problems if line not in gone]


def _listed(folder: Path) -> list[str]:
    try:
        return [str(name) for name in read_json(folder / CONTENTS)["records"]]
    except (StaanetError, KeyError, TypeError):
        return []


def _check_published(run: Run, found: Verification) -> None:
    """Compute the records of a published study again."""
    try:
        for record in run.records:
            found.records += 1
            _check_record(record, run.outcomes(record), run.folder, found)
    except StaanetError as error:
        found.problems.append(str(error))


def _check_records(run: Run, found: Verification) -> dict[str, tuple[Record, Rows]]:
    """Compute all records again, and return those that can be read with their outcomes, by signature."""
    held = {}
    try:
        paths, hashes = run.record_paths, run.hashes
    except StaanetError as error:
        found.problems.append(str(error))
        paths, hashes = sorted((run.folder / "records").glob("*.json")), {}
    for path in paths:
        found.records += 1
        try:
            record, rows = record_files.read_with_outcomes(path, hashes.get(path.stem))
        except StaanetError as error:
            found.problems.append(str(error))
            continue
        _check_record(record, rows, path, found)
        held[record.signature] = record, rows
    return held


def _check_record(record: Record, rows: Rows, path: Path, found: Verification) -> None:
    try:
        check_figures(record, rows, str(path))
    except StaanetError as error:
        found.problems.append(str(error))
    except (KeyError, TypeError) as error:
        found.problems.append(f"{path}: expected outcomes with all columns, got others ({error!r})")


def _check_outcomes(
    folder: Path,
    record: Record,
    rows: Rows,
    held: Mapping[str, tuple[Record, Rows]],
    clips: int,
    found: Verification,
) -> None:
    """Compute outcomes of a record again: all of a worst case from those of its members, a sample of another record."""
    path = record_files.record_path(
        folder / "records", record.signature, record.source, record.target, record.attack
    ).with_suffix(".jsonl")
    if "worst" in record.settings:
        members = record.settings["worst"]
        if all(name in held for name in members.values()):
            found.outcomes += len(rows)
            if worst({name: held[own][1] for name, own in members.items()}) != rows:
                found.problems.append(f"{path}: expected the worst outcomes of {', '.join(members)}, got others")
        return
    again = _again(folder, record, random.Random(record.signature).sample(rows, min(clips, len(rows))))
    if isinstance(again, str):
        found.not_checked.append(f"{path}: outcomes were not computed again, because {again}")
        return
    by_id = {row["id"]: row for row in rows}
    found.outcomes += len(again)
    for row in again:
        if (column := _difference(by_id[row["id"]], row)) is not None:
            held_value = by_id[row["id"]].get(column)
            found.problems.append(
                f"{path}: clip {row['id']!r}: expected {column} = {row[column]} from the audio and the model in the "
                f"folder, got {held_value}"
            )


def _again(folder: Path, record: Record, rows: Rows) -> Rows | str:
    """Return outcomes of some clips as they are computed from the folder; a text says why this is not possible."""
    settings = record.settings
    if record.domain != "waveform":
        return "the attack changed features, which are not stored"
    example_settings = {key: value for key, value in settings.items() if key not in OF_CASE}
    examples = folder / "adversarial" / f"{record.attack}-{record.source}-{signature_of(example_settings)}"
    if not (examples / "done.json").is_file():
        return f"{examples.name} is not in the folder"
    dataset = _dataset(folder, settings["dataset"])
    model = _deciding(folder, settings["target"], tuple(record.labels))
    if dataset is None or model is None:
        return f"the {'dataset' if dataset is None else f'model {record.target}'} is not in the folder"
    dataset = dataset.only(record.labels)
    ids, size = [row["id"] for row in rows], settings["size"] or 0
    shared: dict[str, Any] = {"protocol": record.protocol, "size": size, "batch_size": len(ids)}
    device = torch.device("cpu")
    clean = clean_logits(model, dataset, ids, **shared, device=device)
    seed = derive(record.seed, "control")
    examples_set = AdversarialSet(examples)
    return evaluate(model, dataset, ids, examples_set, clean, **shared, seed=seed, device=device)[1]


def _dataset(folder: Path, digest: str) -> Dataset | None:
    """Return the dataset of a run with a hash, None if there is none."""
    for place in sorted((folder / "datasets").glob("*/dataset.json")):
        dataset = Dataset(place.parent)
        if dataset.digest == digest:
            return dataset
    return None


def _deciding(folder: Path, settings: Mapping[str, Any], labels: tuple[str, ...]) -> Model | None:
    """Return the model of a run with some settings, deciding between some labels; None if it is not in the folder."""
    if "mean_logits" in settings:
        members = [_deciding(folder, one, labels) for one in settings["mean_logits"]]
        known = [one for one in members if one is not None]
        return cast(Model, MeanLogits(known)) if len(known) == len(members) else None
    model = _model(folder, settings)
    return model if model is None or model.labels == labels else LabelView(model, labels)


def _model(folder: Path, settings: Mapping[str, Any]) -> Model | None:
    """Return the model of a run with some settings, None if it is not in the folder."""
    found = sorted((folder / "models").glob(f"*-{signature_of(settings)}"))
    if found:
        return load_model(found[0])
    if "defence" not in settings:
        return None
    base = settings.get("base_model") or {key: value for key, value in settings.items() if key != "defence"}
    model, defence = _model(folder, base), dict(settings["defence"])
    name = defence.pop("name")
    if model is None or any("weights" in one for one in (defence, *defence.get("defences", ()))):
        return None  # the network of the defence lies elsewhere
    return DefendedView(model, validated(DEFENCES[name], defence, name))


def _difference(held: Mapping[str, Any], again: Mapping[str, Any]) -> str | None:
    """Return the first column in which two outcomes of a clip differ by more than rounding, None if there is none."""
    for column in EXACT:
        if held.get(column) != again.get(column):
            return column
    for column, margin in DECISIONS.items():
        clear = all(abs(row.get(margin) or 0.0) > CLEAR for row in (held, again))
        if held[column] != again[column] and clear:
            return column
    for column in ("linf", "margin_clean", "margin_adv"):
        one, other = held.get(column), again.get(column)
        if one is not None and other is not None and not math.isclose(one, other, rel_tol=1e-3, abs_tol=CLEAR):
            return column
    return None
