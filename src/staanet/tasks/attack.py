"""Attack audio files on one model and write adversarial files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from staanet.attacks.goals import Aim, Goal
from staanet.core.budget import Budget
from staanet.core.memory import keep_freed_memory
from staanet.engines import Engine
from staanet.tasks.answers import AttackedFile, MovedFile
from staanet.tasks.attack_plan import check_access as check_access
from staanet.tasks.attack_plan import plan_attack
from staanet.tasks.attack_work import attacked_by
from staanet.tasks.inputs import nothing_attacked


@dataclass(frozen=True)
class AttackResult:
    """The result of an attack on audio files, of a model of emotions.

    Args:
        files: Results of the files, or of the windows of long recordings, in the order of the audio.
        budget: The budget of the attack.
        labels: Emotions of the clips if these are known, as in a prepared dataset; empty otherwise.
        flags: Meaning of each sign that the numbers say little, by its name.
    """

    files: list[AttackedFile]
    budget: Budget
    labels: tuple[str, ...]
    flags: Mapping[str, str]


@dataclass(frozen=True)
class MoveResult:
    """The result of an attack on audio files, of a model of dimensions.

    Args:
        files: Results of the files, or of the windows of long recordings, in the order of the audio.
        budget: The budget of the attack.
        dimensions: Dimensions of the model, in the order of its outputs.
        goal: How far which of them should move.
        flags: Meaning of each sign that the numbers say little, by its name.
    """

    files: list[MovedFile]
    budget: Budget
    dimensions: tuple[str, ...]
    goal: Goal
    flags: Mapping[str, str]


def attack(
    name: str,
    source: str | Path,
    inputs: Path,
    out: Path,
    *,
    settings: Mapping[str, Any],
    source_settings: Mapping[str, Any] | None = None,
    trust: bool = False,
    seed: int,
    device: torch.device,
    window: float | None = None,
    trace: bool = False,
    aim: Aim | None = None,
    engine: Engine | None = None,
) -> AttackResult | MoveResult:
    """Attack a file, a folder of files or a dataset; each adversarial clip keeps its file's length, rate and channels.

    A recording longer than a minute, or than `window` seconds if given, is attacked in windows: see `attack_recording`.
    Files are written in 32-bit float (WAV) or 24 bits (FLAC).

    Args:
        name: Name of the attack (`staanet list attacks`).
        source: Reference to the model that is attacked (`staanet.load_model`).
        inputs: An audio file, a folder of audio files, or a prepared dataset.
        out: File or folder for the adversarial audio.
        settings: The attack's settings.
        source_settings: Settings of the loader of the model, such as its labels.
        trust: Whether code that comes with the model may run.
        seed: Random seed.
        device: Device to compute on.
        window: Longest clip in seconds.
        trace: Whether to write a line per pass of the attack through the model next to each file (`.trace.jsonl`).
        aim: On a model of dimensions, which of them the attack moves how far, and in which direction.
        engine: Where recordings are attacked (default: None, in this process). The files are the same; those that are
            done are kept if the call is interrupted, and it goes on from there.

    Raises:
        StaanetError: there is nothing to attack, the place cannot be written, or the model does not answer anymore.
            Files that cannot be used are reported and skipped.
    """
    keep_freed_memory()
    arguments: dict[str, Any] = {
        "name": name,
        "source": source,
        "inputs": inputs,
        "out": out,
        "settings": settings,
        "source_settings": source_settings,
        "trust": trust,
        "seed": seed,
        "window": window,
        "trace": trace,
        "aim": aim,
    }
    plan = plan_attack(**arguments, device=device)
    files = plan.attacked(list(plan.targets)) if engine is None else attacked_by(engine, plan, arguments, out)
    if not files:
        raise nothing_attacked(inputs, len(plan.targets))
    flags = plan.flags(files)
    if plan.goal is not None:
        return MoveResult(files, plan.method.budget, plan.answers.model.dimensions, plan.goal, flags)
    return AttackResult(files, plan.method.budget, plan.labels, flags)
