"""A study as work for an engine: one job for each artefact that is missing."""

import functools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.provenance import device_of
from staanet.engines import OPTIONS, Engine, Job, Surroundings, alone, complete
from staanet.study.artefact import Artefact, artefacts_before
from staanet.study.experiment import Experiment
from staanet.study.study import Study


@dataclass(frozen=True, eq=False)
class StudyWork(Surroundings):
    """What a worker must know of a study to make its artefacts.

    Args:
        name: Name of the experiment.
        experiment: The experiment.
        folder: Absolute path of the run's folder, which holds the prepared datasets.
        prepared: Name of the folder of each corpus' dataset.
        device: Device to compute on.
    """

    name: str
    experiment: Experiment
    folder: Path
    prepared: Mapping[str, str]
    device: str

    def __call__(self, job: Job) -> None:
        """Make an artefact, while no other process makes it.

        Raises:
            StaanetError: The study has no such artefact here, because something that decides it differs.
        """
        artefact = _artefacts(self).get(job.name)
        if artefact is None:
            raise StaanetError(
                f"expected a worker that knows {job.name}, got one with other settings; every worker needs the same "
                "version of staanet, and the same files of models from elsewhere"
            )
        with alone(self.folder, job):
            artefact.ensure()


@functools.lru_cache(maxsize=1)
def _artefacts(work: StudyWork) -> dict[str, Artefact]:
    """Return all artefacts of a study by title, in a worker; models and datasets stay in memory between jobs."""
    work.enter()
    prepared = {corpus: work.folder / "datasets" / name for corpus, name in work.prepared.items()}
    study = Study(work.name, work.experiment, work.folder, None, device_of(work.device), prepared)
    return artefacts(study)


def artefacts(study: Study) -> dict[str, Artefact]:
    """Return every artefact of a study by its title, each after those that it follows from."""
    found: dict[str, Artefact] = {}

    def add(artefact: Artefact) -> None:
        if artefact.title not in found:
            for one in artefacts_before(artefact):
                add(one)
            found[artefact.title] = artefact

    for place in study.data.corpus_splits():
        for attacked in study.attacked(place)[0]:
            for cases in attacked.cases.values():
                for case in cases:
                    add(case)
    return found


def missing(study: Study, everything: bool, gpus: int = 0) -> list[Job]:
    """Return a job for each artefact of a study that is missing and needed.

    Args:
        study: The study.
        everything: Whether all artefacts are needed, and not only the records and what missing ones follow from.
        gpus: Number of GPUs that each job needs.
    """
    found = artefacts(study)
    before = {title: [one.title for one in artefacts_before(artefact)] for title, artefact in found.items()}
    absent = {title for title, artefact in found.items() if not artefact.exists}
    needed = {title for title, artefact in found.items() if everything or artefact.kind == "record"}
    for title in reversed(found):
        if title in needed & absent:
            needed.update(before[title])
    jobs = needed & absent
    return [Job(title, tuple(one for one in before[title] if one in jobs), gpus) for title in found if title in jobs]


def make_missing(study: Study, engine: Engine, device: str, again: str, everything: bool) -> None:
    """Make on an engine all artefacts of a study that are missing and needed.

    Args:
        study: The study, whose datasets are prepared in this process.
        engine: The engine.
        device: The device on which workers compute.
        again: The command that makes what is still missing.
        everything: Whether artefacts are needed from which no missing record follows.

    Raises:
        StaanetError: Some could not be made; all others were.
    """
    workspace = study.inputs.workspace
    prepared = {corpus: study.data.dataset(corpus).folder.name for corpus in study.experiment.corpus_plans}
    work = StudyWork(workspace.name, study.experiment, study.out.resolve(), prepared, device)
    jobs = missing(study, everything, gpus=int(device != "cpu"))
    complete(engine, work, jobs, study.out, f"`{again}`")


def command(experiment: str | Path, folder: Path, engine: Engine, options: Mapping[str, Any]) -> str:
    """Return the command that goes on with a run.

    Args:
        experiment: The experiment as the user named it.
        folder: The run's folder.
        engine: The engine.
        options: Other options by name; those that are False or None are left out.

    >>> from staanet.engines import Local
    >>> command("emodb", Path("runs/emodb"), Local(4), {"toy": True, "device": None})
    'staanet run emodb --out runs/emodb --toy --engine local --workers 4'
    """
    settings = {name: getattr(engine, name, None) for name in OPTIONS}
    words = ["staanet", "run", str(experiment), "--out", str(folder)]
    for name, value in {**options, "engine": engine.name, **settings}.items():
        if value is not None and value is not False:
            words += [f"--{name}", *([] if value is True else [str(value)])]
    return shlex.join(words)
