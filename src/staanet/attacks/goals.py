"""The goal of an attack on a model with real outputs: one output should move by a distance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.core.classifier import as_classifier
from staanet.core.errors import StaanetError, unknown_name

Way = Literal["up", "down"]
Direction = Literal["up", "down", "either"]

DISTANCE = 0.1
"""Move of an output that counts by default, as a share of the scale."""

BEYOND: Mapping[Way, float] = {"up": 2.0, "down": -1.0}
"""Thresholds that no output on the scale reaches, so that an attack moves it as far as it can."""


class Reached:
    """A classifier that decides whether an output of a model has reached a threshold, so that every attack can use it.

    Its classes are 0, not reached, and 1, reached; half the distance to the threshold is the logit of class 0, and its
    negative that of class 1, so that the margin of class 0 is the distance that is left. A third class, which lies
    below both by 1 and is never decided on, gives the logits the spread that the objective `dlr` needs.

    Args:
        model: Any callable that maps waveforms, and optionally lengths, to outputs `[B, D]`.
        output: Number of the output.
        threshold: The threshold, in the unit of the outputs.
        direction: Whether the output has to be above (`up`) or below (`down`) the threshold.

    >>> loudness = Reached(lambda clips: clips.abs().amax(1, keepdim=True), 0, 0.5, "up")
    >>> loudness(torch.tensor([[0.2], [0.7]]), torch.tensor([1, 1])).argmax(1)
    tensor([0, 1])
    """

    def __init__(self, model: Callable[..., Tensor], output: int, threshold: float, direction: Way) -> None:
        self.model = as_classifier(model)
        self.name, self.bounds = self.model.name, self.model.bounds
        self._output, self._threshold, self._sign = output, threshold, 1 if direction == "up" else -1

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B, 3]` of waveforms `[B, T]`."""
        left = self._sign * (self._threshold - self.model(waveforms, lengths)[:, self._output])
        never = -1 - left.detach().abs() / 2
        return torch.stack([left / 2, -left / 2, never], 1)


@dataclass(frozen=True)
class Goal:
    """An output should move by at least a distance from where it is for the clean clip.

    Args:
        output: Number of the output.
        distance: The distance, above 0, in the unit of the outputs: for a model of dimensions, a share of the scale.
        direction: `up`, `down`, or `either`, for which both are tried and the larger move is kept.
    """

    output: int
    distance: float
    direction: Direction = "either"

    def __post_init__(self) -> None:
        """Validate distance and direction."""
        if not 0 < self.distance < float("inf") or self.output < 0:
            raise StaanetError(f"expected an output from 0 and a distance above 0, got {self.output}, {self.distance}")
        if self.direction not in get_args(Direction):
            raise unknown_name("direction", self.direction, get_args(Direction))

    @property
    def ways(self) -> tuple[Way, ...]:
        """The directions that are tried."""
        return ("up", "down") if self.direction == "either" else (self.direction,)

    def moved(self, clean: Tensor, outputs: Tensor) -> Tensor:
        """Return how far outputs `[B, D]` lie from clean ones `[B, D]` in the direction of the goal, `[B]`.

        >>> Goal(0, 0.1, "down").moved(torch.tensor([[0.5, 0.0]]), torch.tensor([[0.75, 0.0]]))
        tensor([-0.2500])
        """
        move = outputs[:, self.output] - clean[:, self.output]
        return move.abs() if self.direction == "either" else move if self.direction == "up" else -move

    def attack(
        self,
        attack: Attack,
        model: Callable[..., Tensor],
        waveforms: Tensor,
        lengths: Tensor | None = None,
        *,
        seed: int = 0,
    ) -> Tensor:
        """Return adversarial waveforms `[B, T]` whose output moves by the distance, or as far as the attack gets.

        Clips are attacked one by one, because each has a threshold of its own. Moves below the distance are kept.

        Args:
            attack: An attack that is not targeted and needs no representation.
            model: Any callable that maps waveforms, and optionally lengths, to outputs `[B, D]`.
            waveforms: Clean clips, `[B, T]`.
            lengths: Number of valid samples of each clip, `[B]`. Default: T for all.
            seed: Seed of the random draws.

        Raises:
            StaanetError: If the attack cannot serve such a goal, or the model has no output of this number.

        >>> from staanet.attacks import create_attack
        >>> def mean(clips):
        ...     return clips.mean(1, keepdim=True)
        >>> clips = torch.full((1, 4), 0.5)
        >>> Goal(0, 0.1, "up").attack(create_attack("fgsm", epsilon=0.2), mean, clips)
        tensor([[0.7000, 0.7000, 0.7000, 0.7000]])
        """
        check_serves(attack)
        source = as_classifier(model)
        sizes = torch.full((len(waveforms),), waveforms.shape[1]) if lengths is None else lengths
        with torch.no_grad():
            clean = source(waveforms, sizes)
        if self.output >= clean.shape[1]:
            raise StaanetError(f"expected one of the {clean.shape[1]} outputs, from 0, got number {self.output}")
        places = clean[:, self.output].tolist()
        clips = zip(waveforms.split(1), sizes.split(1), places, strict=True)
        return torch.cat([self._one(attack, source, clip, size, place, seed) for clip, size, place in clips])

    def _one(
        self, attack: Attack, model: Callable[..., Tensor], clip: Tensor, lengths: Tensor, clean: float, seed: int
    ) -> Tensor:
        """Return the adversarial version `[1, T]` of a clip, of both directions the one with the larger move."""
        kept = torch.zeros(1, dtype=torch.int64, device=clip.device)
        best, farthest = clip, -1.0
        for direction in self.ways:
            sign = 1 if direction == "up" else -1
            view = Reached(model, self.output, clean + sign * self.distance, direction)
            found = attack(view, clip, kept, lengths, seed=seed)
            with torch.no_grad():
                moved = sign * (float(model(found, lengths)[0, self.output]) - clean)
            if moved > farthest:
                best, farthest = found, moved
        return best


@dataclass(frozen=True)
class Aim:
    """A goal as a user states it, by the name of a dimension.

    Args:
        dimension: Name of the dimension; may be left out if the model has only one.
        distance: The distance as a share of the scale, above 0 and at most 1. Default: 0.1.
        direction: `up`, `down` or `either`, which is the default.
    """

    dimension: str | None = None
    distance: float | None = None
    direction: Direction | None = None

    def __post_init__(self) -> None:
        """Validate distance and direction."""
        if self.distance is not None and not 0 < self.distance <= 1:
            raise StaanetError(f"expected a distance above 0 and up to 1, a share of the scale, got {self.distance}")
        if self.direction is not None and self.direction not in get_args(Direction):
            raise unknown_name("direction", self.direction, get_args(Direction))

    def on(self, dimensions: Sequence[str], title: str) -> Goal | None:
        """Return the goal of an attack on a model; None for a model of emotions, which has no dimensions.

        Args:
            dimensions: The dimensions of the model in the order of its outputs.
            title: Name of the model, with which error messages begin.

        Raises:
            StaanetError: If the model has no such dimension, several of which none is named, or none at all.

        >>> Aim("valence", direction="up").on(("arousal", "valence"), "net")
        Goal(output=1, distance=0.1, direction='up')
        """
        if not dimensions:
            for key, value in vars(self).items():
                if value is not None:
                    raise StaanetError(f"{title}: expected no {key} for a model of emotions, got {value}; leave it out")
            return None
        name = self.dimension or (dimensions[0] if len(dimensions) == 1 else None)
        if name not in dimensions:
            raise StaanetError(
                f"{title}: expected the dimension that an attack moves, from {', '.join(dimensions)}, got "
                f"{'none' if name is None else name}; name it (dimension)"
            )
        distance = DISTANCE if self.distance is None else self.distance
        return Goal(dimensions.index(name), distance, self.direction or "either")


def unserved(attack: Attack | type[Attack]) -> str | None:
    """Return why an attack cannot pursue a distance; None if it uses outputs, and neither classes nor representations.

    >>> from staanet.attacks import ATTACKS
    >>> unserved(ATTACKS["pgd"]), unserved(ATTACKS["staa_net"])
    (None, 'applies a generator, which is trained against classes')
    """
    if getattr(attack, "targeted", False) is True:
        return "is targeted, and a distance has no class to move towards; give the direction up or down instead"
    if attack.needs_representation:
        return "uses representations, which have no distance in a dimension"
    if attack.needs_generator:
        return "applies a generator, which is trained against classes"
    return None


def check_serves(attack: Attack | type[Attack]) -> None:
    """Check that an attack can pursue a distance.

    Raises:
        StaanetError: If it cannot.
    """
    if reason := unserved(attack):
        raise StaanetError(f"expected an attack that can pursue a distance, got {attack.name}, which {reason}")
