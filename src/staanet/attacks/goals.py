"""The goal of an attack on a model with real outputs: one output should move by a distance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.core.classifier import as_classifier
from staanet.core.errors import StaanetError

Direction = Literal["up", "down", "either"]


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

    def __init__(
        self, model: Callable[..., Tensor], output: int, threshold: float, direction: Literal["up", "down"]
    ) -> None:
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
        """Validate the distance."""
        if not 0 < self.distance < float("inf") or self.output < 0:
            raise StaanetError(f"expected an output from 0 and a distance above 0, got {self.output}, {self.distance}")

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
        for direction in ("up", "down") if self.direction == "either" else (self.direction,):
            sign = 1 if direction == "up" else -1
            view = Reached(model, self.output, clean + sign * self.distance, direction)
            found = attack(view, clip, kept, lengths, seed=seed)
            with torch.no_grad():
                moved = sign * (float(model(found, lengths)[0, self.output]) - clean)
            if moved > farthest:
                best, farthest = found, moved
        return best


def check_serves(attack: Attack | type[Attack]) -> None:
    """Check that an attack can pursue a distance: it uses outputs, and neither classes nor representations.

    Raises:
        StaanetError: If it cannot.
    """
    if getattr(attack, "targeted", False) is True:
        reason = "is targeted, and a distance has no class to move towards; give the direction up or down instead"
    elif attack.needs_representation:
        reason = "uses representations, which have no distance in a dimension"
    elif attack.needs_generator:
        reason = "applies a generator, which is trained against classes"
    else:
        return
    raise StaanetError(f"expected an attack that can pursue a distance, got {attack.name}, which {reason}")
