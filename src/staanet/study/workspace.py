"""Where the artefacts of a study lie, and what all of them use."""

from dataclasses import dataclass
from pathlib import Path

import torch

from staanet.study.data import StudyData
from staanet.study.experiment import Experiment


@dataclass(frozen=True)
class Workspace:
    """The experiment, its data, and the folder and device of a study.

    Args:
        name: Name of the experiment.
        experiment: The experiment.
        data: Its datasets and splits.
        out: The run's folder.
        device: Device to compute on.
    """

    name: str
    experiment: Experiment
    data: StudyData
    out: Path
    device: torch.device
