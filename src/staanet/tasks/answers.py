"""What an attack on a recording pursues in the answers of a model, and how these are reported."""

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.goals import BEYOND, Goal, Reached
from staanet.evaluation.counter import Counted, Trace
from staanet.models import Model


@dataclass(frozen=True)
class AttackedFile:
    """Result for a file, or for a window of it.

    Args:
        path: Path of the file, relative to the folder that was attacked.
        start: Start of the window in seconds; None if the file was attacked as one clip.
        label: True emotion; None if it is not known.
        predicted_clean: Emotion predicted on the clean audio.
        predicted_adv: Emotion predicted on the adversarial file as read back.
        predicted_control: Emotions predicted on the controls: noise with the sizes of the change, but with random signs
            and at random positions.
        linf: Largest change of a sample, in full scale.
        snr_peak_db: Peak signal-to-noise ratio in dB; None if nothing changed.
        sparsity: Share of the samples that changed.
        queries: Clips in the forward passes of the attack.
        gradients: Clips in its backward passes.
    """

    path: str
    start: float | None
    label: str | None
    predicted_clean: str
    predicted_adv: str
    predicted_control: tuple[str, ...]
    linf: float
    snr_peak_db: float | None
    sparsity: float
    queries: int
    gradients: int

    @property
    def fooled(self) -> bool:
        """Whether the attack changed the prediction."""
        return self.predicted_adv != self.predicted_clean


@dataclass(frozen=True)
class MovedFile:
    """Result for a file, or for a window of it, of a model of emotional dimensions, in shares of the scale.

    Args:
        path: Path of the file, relative to the folder that was attacked.
        start: Start of the window in seconds; None if the file was attacked as one clip.
        dimension: The dimension that the attack moved.
        moved: How far it moved this output in the direction of its goal, in the adversarial file as read back.
        reached: Whether that is the distance of the goal or more.
        ratings: The ratings that are known, by dimension.
        clean: Output of each dimension for the clean audio.
        adv: The same for the adversarial file as read back.
        control: Outputs of each dimension for the controls: noise with the sizes of the change, but with random signs
            and at random positions.
        reached_control: Whether each of the controls moved by the distance or more.
        linf: Largest change of a sample, in full scale.
        snr_peak_db: Peak signal-to-noise ratio in dB; None if nothing changed.
        sparsity: Share of the samples that changed.
        queries: Clips in the forward passes of the attack.
        gradients: Clips in its backward passes.
    """

    path: str
    start: float | None
    dimension: str
    moved: float
    reached: bool
    ratings: Mapping[str, float]
    clean: Mapping[str, float]
    adv: Mapping[str, float]
    control: Mapping[str, tuple[float, ...]]
    reached_control: tuple[bool, ...]
    linf: float
    snr_peak_db: float | None
    sparsity: float
    queries: int
    gradients: int


@dataclass(frozen=True)
class Change:
    """The change of a window: where it is, how large it is and what it cost."""

    path: str
    start: float | None
    linf: float
    snr_peak_db: float | None
    sparsity: float
    queries: int
    gradients: int


File = TypeVar("File", AttackedFile, MovedFile)


class Answers(abc.ABC, Generic[File]):
    """What an attack pursues in the answers of a model, and how it is reported."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @abc.abstractmethod
    def attacked(
        self, method: Callable[..., Tensor], model: Counted, waveform: Tensor, clean: Tensor, seed: int
    ) -> Tensor:
        """Return the adversarial version `[1, T]` of a waveform whose clean answer is known, `[1, K]`."""

    @abc.abstractmethod
    def trace(self, waveform: Tensor, clean: Tensor) -> Trace:
        """Return a trace of an attack on a waveform `[1, T]`."""

    @abc.abstractmethod
    def result(self, change: Change, known: Any, clean: Tensor, controls: Tensor, received: Tensor) -> File:
        """Return the result for a window.

        Args:
            change: The change.
            known: What is known of the recording: its emotion, or its ratings.
            clean: The clean answer, `[1, K]`.
            controls: The answers to the controls, `[1, draws, K]`.
            received: The answer to the file as read back, `[1, K]`.
        """

    @property
    @abc.abstractmethod
    def view(self) -> Callable[..., Tensor]:
        """A classifier, on which the signs that numbers say little are looked for."""


class Decisions(Answers[AttackedFile]):
    """An attack changes the decision of a model of emotions."""

    def attacked(
        self, method: Callable[..., Tensor], model: Counted, waveform: Tensor, clean: Tensor, seed: int
    ) -> Tensor:
        """Return the adversarial version `[1, T]` of a waveform."""
        return method(model, waveform, clean.argmax(1), seed=seed)

    def trace(self, waveform: Tensor, clean: Tensor) -> Trace:
        """Return a trace of an attack on a waveform `[1, T]`."""
        return Trace(waveform, clean.argmax(1))

    def result(
        self, change: Change, known: str | None, clean: Tensor, controls: Tensor, received: Tensor
    ) -> AttackedFile:
        """Return the result for a window."""
        names = self.model.labels
        return AttackedFile(
            label=known,
            predicted_clean=names[int(clean.argmax(1))],
            predicted_adv=names[int(received.argmax(1))],
            predicted_control=tuple(names[index] for index in controls[0].argmax(1).tolist()),
            **vars(change),
        )

    @property
    def view(self) -> Callable[..., Tensor]:
        """The model."""
        return self.model


class Outputs(Answers[MovedFile]):
    """An attack moves an output of a model of dimensions.

    Args:
        model: The model.
        goal: Which output, and how far.
    """

    def __init__(self, model: Model, goal: Goal) -> None:
        super().__init__(model)
        self.goal = goal

    def attacked(
        self, method: Callable[..., Tensor], model: Counted, waveform: Tensor, clean: Tensor, seed: int
    ) -> Tensor:
        """Return the adversarial version `[1, T]` of a waveform."""
        del clean
        return self.goal.attack(cast(Attack, method), model, waveform, seed=seed)

    def trace(self, waveform: Tensor, clean: Tensor) -> Trace:
        """Return a trace of an attack on a waveform `[1, T]`, whose margin is the distance that is left."""
        return _DistanceTrace(waveform, clean, self.goal)

    def result(
        self, change: Change, known: Mapping[str, float] | None, clean: Tensor, controls: Tensor, received: Tensor
    ) -> MovedFile:
        """Return the result for a window."""
        names, goal = self.model.dimensions, self.goal
        moved = float(goal.moved(clean, received))
        draws = goal.moved(clean.expand_as(controls[0]), controls[0])
        by_name = dict(zip(names, controls[0].T.tolist(), strict=True))
        return MovedFile(
            dimension=names[goal.output],
            moved=moved,
            reached=moved >= goal.distance,
            ratings=known or {},
            clean=dict(zip(names, clean[0].tolist(), strict=True)),
            adv=dict(zip(names, received[0].tolist(), strict=True)),
            control={name: tuple(outputs) for name, outputs in by_name.items()},
            reached_control=tuple((draws >= goal.distance).tolist()),
            **vars(change),
        )

    @property
    def view(self) -> Callable[..., Tensor]:
        """Decisions whether the output has left the scale, which depend on it in every clip."""
        way = self.goal.ways[0]
        return Reached(self.model, self.goal.output, BEYOND[way], way)


class _DistanceTrace(Trace):
    """A trace of an attack with a distance as its goal."""

    def __init__(self, waveform: Tensor, clean: Tensor, goal: Goal) -> None:
        super().__init__(waveform, torch.zeros(1, dtype=torch.int64))
        self._clean, self._goal = clean, goal

    def least_margin(self, logits: Tensor) -> float:
        """Return the distance that is left for the candidate with outputs `[B, D]` that moved farthest."""
        return self._goal.distance - float(self._goal.moved(self._clean.expand_as(logits), logits).max())
