"""Engines: where the parts of a large work are done. Each engine starts workers; one scheduler hands out the jobs."""

from dataclasses import fields

from staanet.core.errors import StaanetError
from staanet.core.registry import collect
from staanet.engines.base import Engine as Engine
from staanet.engines.base import Job as Job
from staanet.engines.base import Work as Work
from staanet.engines.local import Local as Local
from staanet.engines.ray import Ray as Ray
from staanet.engines.schedule import Failure as Failure
from staanet.engines.schedule import carry_out as carry_out
from staanet.engines.slurm import Slurm as Slurm
from staanet.engines.surroundings import Surroundings as Surroundings
from staanet.engines.surroundings import alone as alone
from staanet.engines.surroundings import complete as complete

OPTIONS = ("workers", "address")
"""The settings of engines that the command line has options for."""

ENGINES = collect("engine", globals(), Engine, first=("local",))
"""All engines by name."""


def chosen(name: str, workers: int | None = None, address: str | None = None) -> Engine | None:
    """Return the engine that options of the command line choose; None for this process alone.

    Args:
        name: Name of the engine.
        workers: Number of workers; the engine's default if None.
        address: Address of the cluster; the engine's default if None.

    Raises:
        StaanetError: There is no such engine, or it does not have the option.

    >>> chosen("local", 4)
    Local(workers=4)
    >>> chosen("local", address="auto")
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: expected no address for the engine local, got 'auto'; remove --address
    """
    engine = ENGINES[name]
    known = {field.name for field in fields(engine)}
    given = {key: value for key, value in zip(OPTIONS, (workers, address), strict=True) if value is not None}
    for key, value in given.items():
        if key not in known:
            raise StaanetError(f"expected no {key} for the engine {name}, got {value!r}; remove --{key}")
    built: Engine = engine(**given)
    return None if built == Local() else built
