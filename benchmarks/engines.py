"""Two workers run an experiment of many attacks faster than one process; with `--full`, what Ray adds to two processes.

It takes longer than `make bench` may, and is run by itself. The model is trained before; what is timed is everything
else of `staanet run`, the start of workers and the page included.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import torch
from claims import ratio, seconds, write

from staanet import study
from staanet.engines import Engine, Local, Ray

EXPERIMENT = """
title = "Many attacks"
batch_size = 8
examples = 0

[corpus]
name = "synthetic"
settings = { speakers = 12, sentences = 2, seconds = [1.0, 1.2] }

[split]
folds = 3

[models.emo18]
model = "emo18"
seconds = 1.0
training = { epochs = 1, batch_size = 16 }
"""

ATTACK = """
[attacks.sparse_pgd_{number}]
attack = "sparse_pgd"
steps = {steps}
"""

ATTACKS, STEPS = 4, 20
"""Attacks on each of three folds, and the steps of each."""


def experiment(folder: Path, steps: int) -> Path:
    path = folder / f"attacks-{steps}.toml"
    attacks = [ATTACK.format(number=number, steps=steps + number) for number in range(ATTACKS)]
    path.write_text(EXPERIMENT + "".join(attacks), encoding="utf-8")
    return path


def timed(folder: Path, engine: Engine | None) -> float:
    """Return the seconds of a run whose models are trained."""
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(folder / "trained", out)
    return seconds(lambda: study.run(experiment(folder, STEPS), out, device="cpu", engine=engine))


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        study.run(experiment(place, 1), place / "trained", device="cpu")
        measured = ratio(lambda: timed(place, None), lambda: timed(place, Local(2)), repeats=1)
        write("engines_local", "attacks with two workers against one process", 1.7, measured, "times faster")
        if "--full" in sys.argv:
            from ray.cluster_utils import Cluster

            cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
            more = ratio(lambda: timed(place, Ray(cluster.address)), lambda: timed(place, Local(2)), repeats=1)
            write("engines_ray", "attacks on two workers of Ray to those of local, at most", 1.1, more, "x")
            cluster.shutdown()
