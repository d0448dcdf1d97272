"""Two workers, of this machine and of Ray, against one process, and what Ray adds to each task; within eight minutes.

python benchmarks/engines.py                writes the results
python benchmarks/engines.py --clips 40     a trial with so few clips; nothing is written

Attacks of 15 steps by gradients on the clips of six speakers are made by `staanet attack` in one process, by two
processes, and by two workers of a cluster of Ray, the start of the workers and the command itself included. Then 5 000
clips of a tenth of a second are attacked, twenty for each task, by two processes and by two workers of Ray; this is
timed from when the workers are ready. Processes compute in one thread. CPU seconds, of one and two processes, tell what
is wasteful where the machine is busy; the processes of Ray are not among those that the benchmark started.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from claims import write
from tiny_clips import TASK, TinyClips

from staanet.core import checkpoints
from staanet.core.processes import locked
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic
from staanet.data import prepare
from staanet.engines import Engine, Job, Local, Ray, carry_out
from staanet.models import create_model
from staanet.tasks import attack

LABELS = ("anger", "happiness", "neutral", "sadness")
STEPS = 15
TINY = 5000
"""Number of tiny clips."""

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of all that it started, directly or not, so far."""
    used: dict[int, float] = {}
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.name)] = int(fields[1])
        used[int(path.name)] = sum(map(int, fields[11:15])) / TICKS
    own = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in own} - own:
        own |= more
    return sum(used[pid] for pid in own)


def measured(function: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds and the CPU seconds of a function."""
    began, used = time.perf_counter(), cpu_seconds()
    function()
    return time.perf_counter() - began, cpu_seconds() - used


def per_task(place: Path, name: str, engine: Engine, clips: int) -> float:
    """Return the seconds per task of tiny clips, from when the workers are ready."""
    folder = place / f"tiny-{name}"
    ready = [Job(f"ready {number}") for number in range(2)]
    jobs = [Job(f"task {number}", tuple(job.name for job in ready)) for number in range(clips // TASK)]
    with locked(folder):
        assert carry_out(engine, TinyClips(folder), [*ready, *jobs]) == []
    ended = {path.name: path.stat().st_mtime for path in folder.iterdir()}
    began = max(ended[job.name] for job in ready)
    return (max(ended[job.name] for job in jobs) - began) / len(jobs)


def main(clips: int | None) -> None:
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        sentences = 20 if clips is None else 1
        prepare(Synthetic(speakers=6, sentences=sentences, seconds=(1.0, 1.2)), place, place / "dataset")
        with seeded("model"):
            checkpoints.save(create_model("emo18", LABELS, seconds=1.0), place / "model")

        def attacks(title: str, engine: Engine | None) -> tuple[float, float]:
            options = {"settings": {"steps": STEPS}, "seed": 0, "device": torch.device("cpu"), "engine": engine}
            taken = measured(lambda: attack("pgd", place / "model", place / "dataset", place / title, **options))
            print(f"{title}: {taken[0]:.1f} s, {taken[1]:.1f} CPU s", flush=True)
            return taken

        one, two = attacks("one", None), attacks("local", Local(2))
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        try:
            ray = attacks("ray", Ray(cluster.address))
            tiny = clips or TINY
            there = per_task(place, "ray", Ray(cluster.address), tiny)
        finally:
            cluster.shutdown()
        here = per_task(place, "local", Local(2), tiny)
    print(f"tiny clips: {1000 * here:.2f} ms per task with local, {1000 * there:.2f} ms with Ray")
    if clips is None:
        write("engines_local", "attacks with two processes against one", 1.7, one[0] / two[0], "times faster")
        write(
            "engines_ray", "attacks with two workers of Ray against one process", 1.7, one[0] / ray[0], "times faster"
        )
        write("engines_local_cpu", "CPU of two processes to that of one, at most", 1.2, two[1] / one[1], "x")
        write("engines_overhead", "a task of tiny clips with Ray to one of local, at most", 1.1, there / here, "x")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, help="number of tiny clips of a trial, which writes nothing")
    torch.set_num_threads(1)
    os.environ.update(PYTHONPATH=str(Path(__file__).parent), RAY_agent_register_timeout_ms="300000")  # for Ray
    main(parser.parse_args().clips)
