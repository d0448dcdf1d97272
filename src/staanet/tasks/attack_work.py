"""An attack on many files as work for an engine: a job for some recordings at a time."""

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from staanet.core import checksums
from staanet.core.files import read_json, remove, write_json
from staanet.core.processes import LOCK, locked
from staanet.core.settings import validated
from staanet.core.signature import signature_of
from staanet.engines import Engine, Job, Surroundings, alone, complete
from staanet.models import loader_of
from staanet.tasks.answers import AttackedFile, MovedFile
from staanet.tasks.attack_plan import AttackPlan, plan_attack

CLIPS = 8
"""Number of recordings that a worker attacks at a time."""

ABOUT = "about.json"
"""Name of the file that says what results of an attack are of."""


@dataclass(frozen=True, eq=False)
class AttackWork(Surroundings):
    """What a worker must know of an attack to make some of its files.

    Args:
        folder: Absolute path of the folder with the results until the attack has ended.
        arguments: The arguments of `plan_attack`, except for the device.
        device: Type of the device to compute on.
        clips: Number of recordings of a job.
    """

    folder: Path
    arguments: Mapping[str, Any]
    device: str
    clips: int

    def __call__(self, job: Job) -> None:
        """Attack some recordings, while no other process does."""
        plan, number = _plan(self), int(job.name.split()[1])
        with alone(self.folder, job):
            files = [asdict(file) for file in plan.attacked(_parts(plan, self.clips)[number])]
            places = [plan.targets[path] for path in dict.fromkeys(file["path"] for file in files)]
            stamps = {str(place): list(checksums.stamp_of(place)) for place in places}
            write_json(self.folder / _name(number), {"files": files, "written": stamps})


def attacked_by(engine: Engine, plan: AttackPlan, arguments: Mapping[str, Any], out: Path) -> list[Any]:
    """Attack the recordings of a plan on an engine, and return the results as `AttackPlan.attacked` does.

    The results are in `<out>.progress` until the attack has ended, so that one that was interrupted goes on from there.
    If files or settings have changed, it begins anew.

    Args:
        engine: The engine.
        plan: The plan.
        arguments: The arguments of `plan_attack`, except for the device.
        out: File or folder for the adversarial audio.

    Raises:
        StaanetError: Some recordings could not be attacked because of what would not have failed for them alone; all
            others were.
    """
    place = out.resolve()
    folder = place.with_name(f"{place.name}.progress")
    device = "cuda" if engine.uses_gpu(plan.device.type) else "cpu"
    with locked(folder):
        _begin(folder, plan, arguments, device)
        parts = range(len(_parts(plan, CLIPS)))
        jobs = [Job(f"recordings {number}", gpus=int(device != "cpu")) for number in parts if not _done(folder, number)]
        complete(engine, AttackWork(folder, arguments, device, CLIPS), jobs, out, "the same command")
        kind = AttackedFile if plan.goal is None else MovedFile
        found = [
            validated(kind, file, "result") for number in parts for file in read_json(folder / _name(number))["files"]
        ]
        remove(folder)
    return found


@functools.lru_cache(maxsize=1)
def _plan(work: AttackWork) -> AttackPlan:
    """Return the plan in a worker; the model stays in memory between jobs.

    What the plan warns of was told by the process that hands out the jobs.
    """
    with work.planning():
        return plan_attack(**work.arguments, device=torch.device(work.device))


def _parts(plan: AttackPlan, clips: int) -> list[list[str]]:
    """Return the paths of the recordings of each job."""
    paths = list(plan.targets)
    return [paths[start : start + clips] for start in range(0, len(paths), clips)]


def _name(number: int) -> str:
    return f"part-{number:06d}.json"


def _begin(folder: Path, plan: AttackPlan, arguments: Mapping[str, Any], device: str) -> None:
    """Write down what is attacked and how, and remove the results of other files or settings."""
    source, settings = str(arguments["source"]), arguments["source_settings"]
    inputs = plan.inputs
    paths = [inputs] if inputs.is_file() else [inputs / path for path in plan.targets]
    about = {
        "attack": {"name": arguments["name"], **{key: _held(value) for key, value in arguments["settings"].items()}},
        "source": loader_of(source, settings).identity(source),
        "source_settings": settings,
        "targets": {path: str(target) for path, target in plan.targets.items()},
        "contents": plan.dataset.digest if plan.dataset is not None else [checksums.stamp_of(path) for path in paths],
        "clips": CLIPS,
        "how": [arguments["seed"], arguments["window"], arguments["trace"], arguments["aim"], device],
    }
    own = {"signature": signature_of(about)}
    if not (folder / ABOUT).is_file() or read_json(folder / ABOUT) != own:
        for path in folder.iterdir():
            if path.name != LOCK:
                remove(path)
        write_json(folder / ABOUT, own)


def _held(setting: Any) -> Any:
    """Return a setting; in place of a folder, such as the checkpoint of a generator, what is in it."""
    if not isinstance(setting, str | Path) or not Path(setting).is_dir():
        return setting
    return [[path.name, *checksums.stamp_of(path)] for path in sorted(Path(setting).rglob("*"))]


def _done(folder: Path, number: int) -> bool:
    """Return whether the files of a part are there as they were written."""
    path = folder / _name(number)
    if not path.is_file():
        return False
    written = read_json(path)["written"].items()
    return all(Path(place).is_file() and list(checksums.stamp_of(Path(place))) == stamp for place, stamp in written)
