"""An evaluation as work for an engine: a job for each batch of clips, and for each corruption."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staanet.assessment.corrupted import CorruptionTest, part_name
from staanet.assessment.measurement import BATCH, adversarial_clips, measure, part_names, read_rows
from staanet.audio.corruptions import CORRUPTIONS
from staanet.core import checksums
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.engines import Engine, Job, Surroundings, alone, complete

if TYPE_CHECKING:
    from staanet.assessment import Plan

CORRUPTION = "corruption"
"""First word of the names of the jobs that test corruptions."""


@dataclass(frozen=True, eq=False)
class EvaluationWork(Surroundings):
    """What a worker must know of an evaluation to measure some of it.

    Args:
        folder: Absolute path of the folder of the evaluation.
        evaluate: The function whose plan the worker follows.
        arguments: Its arguments, except for the folder.
        signature: Signature of the plan.
    """

    folder: Path
    evaluate: Callable[..., Any]
    arguments: Mapping[str, Any]
    signature: str

    @property
    def parts(self) -> Path:
        """Folder of the results of batches and corruptions."""
        return self.folder / "parts" / self.signature

    def __call__(self, job: Job) -> None:
        """Measure a batch, or a corruption, while no other process does.

        Raises:
            StaanetError: The plan of the worker differs, because something that decides it does.
        """
        plan = _plan(self)
        kind, *rest = job.name.split()
        with alone(self.folder, job):
            if kind == CORRUPTION:
                _corruptions(self).make(rest[0], int(rest[-1]))
            else:
                measure(**_measurement(plan, self.parts), only=int(rest[0]))


@dataclass(frozen=True)
class Workers:
    """The workers of an evaluation.

    Args:
        engine: Where they run.
        work: What they do.
    """

    engine: Engine
    work: EvaluationWork

    def make_missing(self, plan: "Plan", parts: Path) -> None:
        """Measure all batches and corruptions that are missing.

        Raises:
            StaanetError: Some could not be measured; all others were.
        """
        gpus = int(self.work.arguments["device"] != "cpu")
        jobs = [Job(name, after, gpus) for name, after in _missing(plan, parts).items()]
        complete(self.engine, self.work, jobs, self.work.folder, "the same command again")


def workers(
    engine: Engine,
    evaluate: Callable[..., Any],
    arguments: Mapping[str, Any],
    folder: Path,
    signature: str,
    device: str | None,
) -> Workers:
    """Return workers on an engine.

    Args:
        engine: The engine.
        evaluate: The function whose plan the workers follow.
        arguments: Its arguments, except for the folder and the device.
        folder: Folder of the evaluation.
        signature: Signature of the plan.
        device: Device that the user has named.
    """
    own = (device or "cuda") if engine.uses_gpu(device) else "cpu"
    return Workers(engine, EvaluationWork(folder.resolve(), evaluate, {**arguments, "device": own}, signature))


def _missing(plan: "Plan", parts: Path) -> dict[str, tuple[str, ...]]:
    """Return the names of the jobs whose results are missing, each with the names of those that it follows from.

    The batches with the longest clips come first, so that in the end no worker is left with the largest job.
    """
    batches = [
        f"batch {number}"
        for number in reversed(range(len(plan.dataset.batches(plan.clips, BATCH))))
        if not checksums.intact(parts, part_names(number))
    ]
    corruptions = [
        f"{CORRUPTION} {name} at severity {severity}"
        for name in CORRUPTIONS
        for severity in plan.effort.severities
        if not checksums.intact(parts, [part_name(name, severity)])
    ]
    return {**dict.fromkeys(batches, ()), **dict.fromkeys(corruptions, tuple(batches))}


def _measurement(plan: "Plan", parts: Path) -> dict[str, Any]:
    """Return the arguments of `measure`."""
    return {
        "model": plan.model,
        "dataset": plan.dataset,
        "clips": plan.clips,
        "curves": plan.curves,
        "effort": plan.effort,
        "saved": plan.saved,
        "seed": plan.seed,
        "device": plan.device,
        "parts": parts,
        "sources": plan.protection.sources,
    }


@functools.lru_cache(maxsize=1)
def _plan(work: EvaluationWork) -> Any:
    """Return the plan in a worker; the model and the clips stay in memory between jobs.

    What the plan warns of was told by the process that hands out the jobs.
    """
    with work.planning():
        plan = work.evaluate(**work.arguments, out=work.folder, dry_run=True)
    if plan.signature != work.signature:
        raise StaanetError(
            "expected a worker with the same model and clips, got one with others; every worker needs the same version "
            "of staanet, and the same files of the model"
        )
    budget = Budget(snr_db=plan.curves.reference_db)
    settled = plan.protection.settled(plan.dataset, plan.clips, budget, plan.device, work.parts, plan.seed)
    return replace(plan, protection=settled)


@functools.lru_cache(maxsize=1)
def _corruptions(work: EvaluationWork) -> CorruptionTest:
    """Return the test of corruptions in a worker, once all batches are measured."""
    plan = _plan(work)
    numbers = range(len(plan.dataset.batches(plan.clips, BATCH)))
    rows = [row for number in numbers for row in read_rows(work.parts / part_names(number)[0])]
    return CorruptionTest(
        plan.model, plan.dataset, rows, adversarial_clips(work.parts), plan.saved, plan.seed, plan.device, work.parts
    )
