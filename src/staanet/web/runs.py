"""Runs of a folder: experiments and evaluations with their first figures, and the comparison of two evaluations."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.run import CONTENTS, Run
from staanet.web.process import Talk
from staanet.web.settings import WebSettings

EVALUATION = "evaluation.json"
"""The file by which the folder of an evaluation is known."""

DEPTH = 3
"""Largest number of folders between the folder of runs and a run."""

MOST_RUNS = 200
"""Largest number of runs that are listed, the latest first."""

PAGE = "report/index.html"


def runs(settings: WebSettings, talk: Talk) -> list[dict[str, Any]]:
    """Return the experiments and evaluations of the folder of runs, the latest first, with their first figures."""
    del talk
    if settings.runs is None:
        return []
    found = sorted(set(_folders(settings.runs, DEPTH)), key=lambda pair: -(pair[0] / pair[1]).stat().st_mtime)
    return [_row(folder, file, settings.runs) for folder, file in found[:MOST_RUNS]]


def compare(settings: WebSettings, talk: Talk, first: str, second: str) -> dict[str, Any]:
    """Return the comparison of two evaluations: the result in a sentence, and the difference at every budget.

    Raises:
        StaanetError: If one of them is no evaluation of the folder, or they cannot be compared.
    """
    from staanet.assessment.compare import compare as compared
    from staanet.assessment.compare import wording as compare_wording

    talk.say("comparing")
    folders = [inside(settings.runs, name) for name in (first, second)]
    try:
        (found,) = compared(folders)
    except StaanetError as error:
        raise StaanetError(str(error).replace(f"{_root(settings)}/", "")) from None
    return {
        "a": found.a,
        "b": found.b,
        "headline": compare_wording.headline(found),
        "besides": compare_wording.besides(found),
        "notes": list(found.notes),
        "clips": found.n,
        "speakers": found.speakers,
        "differences": [
            {
                "measure": compare_wording.NAMES[one.measure],
                "budget": one.budget,
                "a": one.a,
                "b": one.b,
                "difference": one.difference,
                "ci": list(one.ci),
                "result": one.result,
            }
            for one in found.differences
        ],
    }


def inside(root: Path | None, name: str) -> Path:
    """Return a path inside the folder of runs.

    Raises:
        StaanetError: If there is no folder of runs, or the path leads out of it, through a link as well.
    """
    if root is None:
        raise StaanetError("expected a folder of runs, got none; start the workbench with --runs DIR")
    if "\0" not in name and (path := (root / name).resolve()).is_relative_to(root.resolve()):
        return path
    raise StaanetError("expected a path inside the folder of runs, got one outside of it")


def _root(settings: WebSettings) -> Path:
    return inside(settings.runs, "")


def _folders(folder: Path, depth: int) -> Iterator[tuple[Path, str]]:
    """Yield the folders of runs in a folder, and the file by which each is known; folders inside a run are skipped."""
    known = next((file for file in (EVALUATION, CONTENTS) if (folder / file).is_file()), None)
    if known is not None:
        yield folder, known
    elif depth > 0:
        try:
            inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        except OSError:
            return
        for path in inner:
            if not path.is_symlink():
                yield from _folders(path, depth - 1)


def _row(folder: Path, file: str, root: Path) -> dict[str, Any]:
    """Return a line of the list; a run that cannot be read says why."""
    row: dict[str, Any] = {
        "path": folder.relative_to(root).as_posix(),
        "name": folder.name if folder != root else folder.resolve().name,
        "kind": "evaluation" if file == EVALUATION else "experiment",
        "page": (folder / PAGE).is_file(),
        "modified": (folder / file).stat().st_mtime,
    }
    try:
        figures = _evaluation(folder) if file == EVALUATION else _experiment(folder)
    except StaanetError as error:
        return {**row, "error": str(error).replace(f"{root}/", "")}
    except (KeyError, TypeError, ValueError, OSError) as error:
        return {**row, "error": f"expected a run as this version writes it, got another ({type(error).__name__})"}
    return {**row, **figures}


def _evaluation(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
    return {
        "title": str(found["model"]),
        "models": [str(found["model"])],
        "clips": int(found["n"]),
        "clean": float(found["accuracy_clean"]),
        "robust": float(found["accuracy_robust"]),
        "under": f"worst case at {found['reference']}",
        "flags": sorted(found["flags"]),
    }


def _experiment(folder: Path) -> dict[str, Any]:
    """Return the figures of an experiment in the case that it names, or in that of the lowest robust accuracy."""
    run = Run(folder)
    records = run.records
    row = {"title": run.title or folder.name, "models": list(dict.fromkeys(record.target for record in records))}
    if not records:
        return row
    named = run.layout.headline
    fitting = [
        record
        for record in records
        if named is not None
        and (record.attack, record.source, record.target) == (named.attack, named.source, named.target)
    ]
    lowest = min(records, key=lambda record: record.robust_accuracy)
    parts = fitting or [
        one for one in records if (one.attack, one.source, one.target) == (lowest.attack, lowest.source, lowest.target)
    ]
    clips = sum(record.n for record in parts)
    return {
        **row,
        "clips": clips,
        "clean": sum(record.accuracy_clean * record.n for record in parts) / clips,
        "robust": sum(record.robust_accuracy * record.n for record in parts) / clips,
        "under": f"{parts[0].attack} on {parts[0].target}",
        "flags": sorted({flag for record in parts for flag in record.flags}),
    }
