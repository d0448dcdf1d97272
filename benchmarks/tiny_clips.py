"""A work of which each job attacks tiny clips, in a module of its own, so that workers can import it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from staanet.attacks import create_attack
from staanet.core.seeds import seeded
from staanet.engines import Job
from staanet.models import Model, create_model

TASK, SECONDS, RATE, STEPS = 20, 0.1, 16_000, 3
"""Number of clips of a job, their length and rate, and the steps of the attack."""


@cache
def tiny_model() -> Model:
    with seeded("tiny"):
        return create_model("zhao19", ("anger", "joy"), seconds=SECONDS)


@dataclass(frozen=True)
class TinyClips:
    folder: Path

    def __call__(self, job: Job) -> None:
        clips = torch.rand(TASK, round(SECONDS * RATE), generator=torch.Generator().manual_seed(0)) - 0.5
        attacked = create_attack("pgd", steps=STEPS)(tiny_model(), clips, torch.zeros(TASK, dtype=torch.int64))
        torch.save(attacked, self.folder / job.name)
