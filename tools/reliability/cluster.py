"""Kill nodes of a Ray cluster, or the command, in the middle of each verb: `python tools/reliability/cluster.py`.

Needs the extra scale. The cluster runs on this machine: a head without cores, and two nodes of one core each.
"""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import summaries
import tiny_runs

from staanet.core.files import read_json
from staanet.core.processes import LOCK
from staanet.core.record import PROVENANCE
from staanet.engines.surroundings import LOCKS

TITLE = "A cluster that loses a node, or the command"
ABOUT = (
    "Each command runs on a Ray cluster of three raylets on one machine. In half of the cases the raylet and the "
    "workers of a node that has a job are killed (SIGKILL) in the middle, in the others the command itself, which is "
    "then given again. What it makes must equal what one process makes in every bit, except for time and versions; no "
    "job that had ended may be begun again; and no file of a process that was killed may be left."
)

LOSSES = ("node", "command")

NODE = {"object_store_memory": 100 * 2**20}

SPEECH = ["--set", "speakers=12", "--set", "sentences=4", "--set", "seconds=[0.5, 0.6]"]


@dataclass(frozen=True)
class Verb:
    """A command, and what of its results must be the same.

    Args:
        words: The command, in whose words OUT stands for the folder that it makes.
        begun: How many jobs have begun when something is killed.
        results: Returns what must be the same.
    """

    words: tuple[str, ...]
    begun: int
    results: Callable[[Path], Any]


def files(out: Path) -> dict[str, bytes]:
    """Return the contents of all files except for checksums, which hold times."""
    paths = (path for path in sorted(out.rglob("*")) if path.is_file() and path.name != "checksums.jsonl")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def evaluation(out: Path) -> Any:
    """Return an evaluation and its clips, without when and where it was made."""
    found = read_json(out / "evaluation.json")
    about = {name: value for name, value in found["about"].items() if name not in PROVENANCE}
    return {**found, "about": about}, (out / "clips.json").read_bytes()


def hardened(out: Path) -> Any:
    """Return a hardened model without what its training cost."""
    config = read_json(out / "config.json")
    return {**config, "hardening": {**config["hardening"], "cost": None}}, (out / "model.safetensors").read_bytes()


def verbs(data: Path, model: Path) -> dict[str, Verb]:
    """Return the commands that have engines."""
    evaluated = ["evaluate", model, data, "--preset", "quick", "--clips", "24", "--budgets", "40,20", "-o", "OUT"]
    trained = ["--snr-db", "40", "--set", "epochs=6", "--set", "validation_steps=2", "--set", "guard=1.0"]
    return {
        "prepare": _verb(["prepare", "synthetic", ".", "--out", "OUT", *SPEECH, "--set", "sentences=8"], 3, files),
        "attack": _verb(["attack", "pgd", data, "OUT", "--source", model, "--set", "steps=3"], 4, files),
        "evaluate": _verb(evaluated, 6, evaluation),
        "run": _verb(["run", tiny_runs.EXPERIMENT, "--out", "OUT"], 2, tiny_runs.results),
        "harden": _verb(["harden", model, data, "-o", "OUT", "--method", "pgd", *trained], 1, hardened),
    }


def _verb(words: list[Any], begun: int, results: Callable[[Path], Any]) -> Verb:
    return Verb(tuple(map(str, [*words, "--device", "cpu"] if words[0] != "prepare" else words)), begun, results)


def started(words: tuple[str, ...], out: Path, log: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start a command in a process, whose output goes to a file."""
    own = [str(out) if word == "OUT" else word for word in words]
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603 - this library
            [sys.executable, "-m", "staanet", *own, *options], stdout=file, stderr=file
        )


def whole(words: tuple[str, ...], out: Path, log: Path, *options: str) -> int:
    """Carry a command out and return its exit status."""
    return started(words, out, log, *options).wait()


def locks(place: Path) -> dict[str, int]:
    """Return the jobs that have begun, by the names of their locks: the process that does each, 0 if it has ended."""
    found = {}
    for folder, _, names in os.walk(place):
        path = Path(folder)
        if LOCK in names and path.parent.name == LOCKS:
            with contextlib.suppress(OSError, ValueError):
                text = (path / LOCK).read_text(encoding="utf-8")
                found[path.name] = int(json.loads(text)["process"]) if text else 0
    return found


def when_begun(command: subprocess.Popen[bytes], place: Path, count: int) -> dict[str, int]:
    """Wait until so many jobs have begun, of which one is being done, and return their locks; none if all has ended."""
    while command.poll() is None:
        found = locks(place)
        if len(found) >= count and any(found.values()):
            return found
        time.sleep(0.02)
    return {}


def begun_by(command: subprocess.Popen[bytes], place: Path) -> set[str]:
    """Return the locks of the jobs that are done until a command ends."""
    begun: set[str] = set()
    while command.poll() is None:
        begun |= {name for name, pid in locks(place).items() if pid}
        time.sleep(0.02)
    return begun


def node_of(pid: int, nodes: list[Any]) -> Any:
    """Return the node whose raylet started a process, directly or not."""
    raylets = {node.all_processes["raylet"][0].process.pid: node for node in nodes}
    while pid > 1 and pid not in raylets:
        pid = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    return raylets.get(pid)


class Machines:
    """A cluster on this machine with two nodes, of which a lost one is replaced."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        os.environ["RAY_agent_register_timeout_ms"] = "300000"  # noqa: SIM112 - Ray spells it so
        head = {**NODE, "num_cpus": 0, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes: list[Any] = []

    def complete(self) -> None:
        """Start as many nodes as are missing."""
        while len(self.nodes) < 2:
            self.nodes.append(self.cluster.add_node(**NODE, num_cpus=1))
        self.cluster.wait_for_nodes()

    def lose(self, pid: int) -> bool:
        """Kill the node of a process, and return whether there was one."""
        node = node_of(pid, self.nodes)
        if node is None:
            return False
        self.nodes.remove(node)
        self.cluster.remove_node(node, allow_graceful=False)
        return True


@contextlib.contextmanager
def machines() -> Iterator[Machines]:
    """Run a cluster within the block."""
    made = Machines()
    try:
        yield made
    finally:
        made.cluster.shutdown()


def case(verb: Verb, loss: str, reference: Any, place: Path, cluster: Machines, moment: float) -> dict[str, Any]:
    """Return what became of a command that lost a node, or was killed and given again.

    Args:
        verb: The command.
        loss: What is killed.
        reference: Results of one process.
        place: Folder for the results.
        cluster: The cluster.
        moment: Seconds to wait once enough jobs have begun.
    """
    cluster.complete()
    out, log = place / "out", place / "log"
    engine = ("--engine", "ray", "--address", str(cluster.cluster.address))
    command = started(verb.words, out, log, *engine)
    killed, ended = False, set()
    if when_begun(command, place, verb.begun):
        time.sleep(moment)
        running = [pid for pid in locks(place).values() if pid]
        if loss == "command":
            killed = command.poll() is None
            command.kill()
        elif running:
            killed = cluster.lose(running[0])
        ended = {name for name, pid in locks(place).items() if not pid}
    if loss == "command":
        command.wait()
        command = started(verb.words, out, log, *engine)
    twice = ended & begun_by(command, place)
    if not killed:
        result = "nothing to kill"
    elif command.returncode != 0:
        result = "failed"
    elif verb.results(out) != reference:
        result = "other results"
    elif twice:
        result = "made twice"
    else:
        result = "leftovers" if tiny_runs.leftovers(place) else "identical"
    said = log.read_text(encoding="utf-8", errors="replace")
    found = {"loss": loss, "result": result, "retried": said.count("it is tried again")}
    if result not in ("identical", "nothing to kill"):
        print(said[-3000:])
    shutil.rmtree(place)
    return found


def main(cases: int, folder: Path) -> None:
    """Run each verb with each loss so often, and write the results."""
    data, model = folder / "data", folder / "model"
    log = folder / "log"
    taught = ("train", "emo18", "--dataset", str(data), "--seconds", "0.4", "--set", "epochs=3", "--out", "OUT")
    if whole(("prepare", "synthetic", ".", "--out", "OUT", *SPEECH), data, log) or whole(taught, model, log):
        raise RuntimeError(log.read_text(encoding="utf-8"))
    known, made = verbs(data, model), []
    references: Mapping[str, Any] = {name: _reference(verb, folder / f"whole-{name}") for name, verb in known.items()}
    draw = random.Random("cluster")
    with machines() as cluster:
        for number in range(cases):
            for name, verb in known.items():
                for loss in LOSSES:
                    place = folder / f"{name}-{loss}-{number}"
                    place.mkdir()
                    moment = draw.uniform(0.0, 0.5)
                    made.append({"verb": name, **case(verb, loss, references[name], place, cluster, moment)})
                    print(made[-1], flush=True)
                    _write(made)


def _reference(verb: Verb, place: Path) -> Any:
    """Return what one process makes."""
    place.mkdir()
    if whole(verb.words, place / "out", place / "log") != 0:
        raise RuntimeError((place / "log").read_text(encoding="utf-8"))
    return verb.results(place / "out")


def _write(made: list[dict[str, Any]]) -> None:
    """Write the results of the cases so far."""
    rows = []
    for name in dict.fromkeys(one["verb"] for one in made):
        for loss in LOSSES:
            own = [one for one in made if (one["verb"], one["loss"]) == (name, loss)]
            identical = sum(one["result"] == "identical" for one in own)
            rows.append([f"staanet {name}", f"a {loss}" if loss == "node" else f"the {loss}", len(own), identical])
    columns = ["", "lost", "cases", "identical"]
    summaries.write("cluster", TITLE, ABOUT, columns, rows, made, "python tools/reliability/cluster.py")


if __name__ == "__main__":
    sys.exit(summaries.started(main, default=2))
