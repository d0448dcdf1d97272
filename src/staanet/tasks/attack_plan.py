"""What an attack on audio files does, checked before any work: the attack, the model, its goal, and the files."""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from staanet.attacks import ATTACKS, Attack, create_attack
from staanet.attacks.base import ACCESS
from staanet.attacks.goals import Aim, Goal, check_serves
from staanet.core.errors import PersistentError, StaanetError
from staanet.corpora.base import unusable_files
from staanet.data import Dataset
from staanet.models import Model, load_model, loader_of
from staanet.tasks.answers import Answers, Decisions, Outputs
from staanet.tasks.inputs import check_kept, check_places, recordings, targets
from staanet.tasks.recording import SIGN_CLIPS, Recording, attack_answers, beginnings, check_window, find_flags

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AttackPlan:
    """The recordings that are attacked, and how.

    Args:
        method: The attack.
        answers: What it pursues in the answers of the model.
        inputs: An audio file, a folder of audio files, or a prepared dataset.
        targets: The files that receive the adversarial audio, by the path of the recording.
        dataset: The dataset, if it is one.
        labels: Emotions of the clips if these are known; empty otherwise.
        known: What is known of each clip of the dataset: its emotion, or its ratings.
        window: Longest clip in seconds.
        seed: Random seed.
        device: Device to compute on.
        trace: Whether a trace is written next to each file.
    """

    method: Attack
    answers: Answers[Any]
    inputs: Path
    targets: Mapping[str, Path]
    dataset: Dataset | None
    labels: tuple[str, ...]
    known: Mapping[str, Any]
    window: float | None
    seed: int
    device: torch.device
    trace: bool

    @property
    def goal(self) -> Goal | None:
        """How far which output should move; None for a model of emotions."""
        return self.answers.goal if isinstance(self.answers, Outputs) else None

    def recordings(self, paths: Sequence[str]) -> Iterator[Recording]:
        """Yield those of some recordings that can be read."""
        return recordings(self.inputs, self.dataset, self.known, paths)

    def attacked(self, paths: Sequence[str]) -> list[Any]:
        """Attack recordings and return the results of their files, or of the windows of these.

        Args:
            paths: Paths of the recordings, in the order of the results.

        Raises:
            StaanetError: If the model does not answer anymore, or a file cannot be written.
        """
        inputs = self.inputs
        done: list[Any] = []
        for recording in self.recordings(paths):
            target = self.targets[recording.path]
            if self.dataset is None:
                check_kept(target, inputs if inputs.is_file() else inputs / recording.path)
            with _skipping(recording.path, inputs, done):
                done += attack_answers(
                    self.method,
                    self.answers,
                    recording,
                    target,
                    window=self.window,
                    seed=self.seed,
                    device=self.device,
                    trace=self.trace,
                )
        return done

    def flags(self, done: Sequence[Any]) -> dict[str, str]:
        """Return the meaning of each sign that results say little, by its name.

        Args:
            done: The results.
        """
        clips: list[torch.Tensor] = []
        model = self.answers.model
        first = list(dict.fromkeys(file.path for file in done))[:SIGN_CLIPS]
        for recording in self.recordings(first):
            if count := SIGN_CLIPS - len(clips):
                clips += beginnings(recording, model, window=self.window, count=count, device=self.device)
        return find_flags(self.answers.view, clips)


def plan_attack(
    name: str,
    source: str | Path,
    inputs: Path,
    out: Path,
    *,
    settings: Mapping[str, Any],
    source_settings: Mapping[str, Any] | None,
    trust: bool,
    seed: int,
    device: torch.device,
    window: float | None,
    trace: bool,
    aim: Aim | None,
) -> AttackPlan:
    """Return the plan of an attack; the arguments are those of `staanet.tasks.attack`.

    Raises:
        StaanetError: If something is wrong with attack, model, input or output.
    """
    # Everything that can be wrong with attack, input and output is checked before the model is loaded.
    method = create_attack(name, **settings).prepare(device)
    check_places(inputs, out)
    dataset = Dataset(inputs) if (inputs / "dataset.json").is_file() else None
    files = targets(inputs, out, dataset)
    loader, asked = loader_of(source, source_settings), aim or Aim()
    title = loader.title(str(source))
    if known := loader.dimensions_of(str(source)):
        _check_goal(asked.on(known, title), method)
    model = load_model(source, trust=trust, **(source_settings or {})).to(device)
    goal = asked.on(model.dimensions, title)
    _check_goal(goal, method)
    check_access(name, model)
    check_window(window, model)
    _check_budget(method, model, device)
    for line in unusable_files(inputs).values() if dataset is None and inputs.is_dir() else ():
        logger.warning("%s", line)
    labels = () if dataset is None or goal is not None else _shared_labels(dataset, model)
    emotions = {clip: about.label for clip, about in dataset.utterances.items()} if dataset and labels else {}
    return AttackPlan(
        method,
        Decisions(model) if goal is None else Outputs(model, goal),
        inputs,
        files,
        dataset,
        labels,
        emotions if goal is None else _ratings(dataset, model),
        window,
        seed,
        device,
        trace,
    )


def _check_goal(goal: Goal | None, method: Attack) -> None:
    """Check that an attack can pursue a goal, if there is one."""
    if goal is not None:
        check_serves(method)


@contextlib.contextmanager
def _skipping(path: str, inputs: Path, done: Sequence[Any]) -> Iterator[None]:
    """Skip a file of a folder or dataset that cannot be attacked, but stop at what would fail for all others too."""
    try:
        yield
    except PersistentError as error:
        files = len({file.path for file in done})
        raise PersistentError(f"{path}: {error}; stopped with {files} files written") from error
    except StaanetError as error:
        if inputs.is_file():
            raise StaanetError(f"{path}: {error}") from error
        logger.warning("%s: %s; skipped", path, error)


def check_access(attack: str, model: Model) -> None:
    """Check, before any work, that a model gives what an attack needs.

    Raises:
        StaanetError: it does not; the message names attacks that need less.
    """
    needs = ATTACKS[attack].access
    if ATTACKS[attack].needs_representation and not model.has_representation:
        raise StaanetError(
            f"{model.name}: expected a model with a representation, which {attack} needs, got one without; give it a "
            "method represent, or use another attack (staanet list attacks)"
        )
    if ACCESS.index(needs) <= ACCESS.index(model.access):
        return
    others = [
        name
        for name, one in ATTACKS.items()
        if one.access != "none" and ACCESS.index(one.access) <= ACCESS.index(model.access)
    ]
    raise StaanetError(
        f"{model.name}: expected a model that gives what {attack} needs ({needs}), got one that gives no more than "
        f"{model.access}; use {', '.join(others)}"
    )


def _check_budget(method: Attack, model: Model, device: torch.device) -> None:
    """Check, before any work, that the budget fits the range of the model, as the attack does for every batch."""
    method(model, torch.zeros(0, 1, device=device), torch.zeros(0, dtype=torch.int64, device=device))


def _shared_labels(dataset: Dataset, model: Model) -> tuple[str, ...]:
    """Return the emotions of a dataset if the model knows any of them, with a warning of those that it does not."""
    unknown = [label for label in dataset.labels if label not in model.labels]
    if not unknown:
        return dataset.labels
    result = "no robust accuracy is computed" if len(unknown) == len(dataset.labels) else "their clips count as wrong"
    logger.warning(
        "%s: expected emotions that the model knows (%s), got others (%s); %s; rename the model's labels, such as "
        "--source-set labels.ang=anger",
        dataset.folder,
        ", ".join(model.labels),
        ", ".join(unknown),
        result,
    )
    return () if len(unknown) == len(dataset.labels) else dataset.labels


def _ratings(dataset: Dataset | None, model: Model) -> dict[str, dict[str, float]]:
    """Return the ratings that a dataset has of the dimensions of a model, by the id of the clip."""
    shared = [name for name in model.dimensions if dataset is not None and name in dataset.dimensions]
    if dataset is None or not shared:
        return {}
    ids = list(dataset.utterances)
    rows = dataset.ratings(ids, shared).tolist()
    return {clip: dict(zip(shared, row, strict=True)) for clip, row in zip(ids, rows, strict=True)}
