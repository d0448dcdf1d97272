"""A hardening as work for an engine: one job, so that a node of a cluster trains."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.files import remove
from staanet.core.processes import locked
from staanet.engines import Engine, Job, Surroundings, alone, complete
from staanet.tasks.course import Hardening
from staanet.tasks.harden_plan import HardenPlan, plan_hardening


@dataclass(frozen=True, eq=False)
class HardenWork(Surroundings):
    """What a worker must know to harden a model.

    Args:
        folder: Absolute path of a folder that exists until the model is hardened.
        arguments: The arguments of `plan_hardening`, except for the device.
        device: Type of the device to compute on.
    """

    folder: Path
    arguments: Mapping[str, Any]
    device: str

    def __call__(self, job: Job) -> None:
        """Harden the model, while no other process does; one whose worker died goes on after its last epoch."""
        with self.planning():
            plan = plan_hardening(**self.arguments, device=self.device)
        with alone(self.folder, job):
            plan.carried_out()


def hardened_by(engine: Engine, plan: HardenPlan, arguments: Mapping[str, Any]) -> Hardening:
    """Carry out a plan on an engine, and return what was achieved.

    Args:
        engine: The engine.
        plan: The plan.
        arguments: The arguments of `plan_hardening`, except for the device.

    Raises:
        StaanetError: The worker ended with an error, or died several times.
    """
    place = plan.folder.resolve()
    folder = place.with_name(f"{place.name}.progress")
    device = "cuda" if engine.uses_gpu(plan.course.device.type) else "cpu"
    with locked(folder):
        if plan.earlier() is None:
            job = Job("the hardened model", gpus=int(device != "cpu"))
            complete(engine, HardenWork(folder, arguments, device), [job], plan.folder, "the same command")
        remove(folder)
    if (found := plan.earlier()) is None:
        raise StaanetError(
            f"{plan.folder}: expected the hardened model, found none; let the workers see this folder under this path"
        )
    return found
