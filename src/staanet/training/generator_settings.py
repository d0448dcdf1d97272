"""Training settings of generators, and presets of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from staanet.attacks.generator import GENERATORS
from staanet.attacks.generator.base import Quantisation
from staanet.attacks.generator.losses import Losses
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.settings import from_preset
from staanet.core.signature import LATER
from staanet.training.batch_augmentation import BatchAugmentation
from staanet.training.loop import History, Precision, check_training

Schedule = Literal["halve", "cosine"]


@dataclass(frozen=True)
class GeneratorTraining:
    """Training of a generator with Adam.

    The preset `paper` has the settings of arXiv 2402.01227. The preset `conditional`, the default of the generators of
    this name, augments the clips and trains longer, in larger batches.

    Args:
        budget: Largest magnitude of the perturbation and largest share of perturbed samples in training and in
            validation. `sparsity = 1` leaves the share to the losses, as the paper does. A generator that one training
            prepares for many budgets draws them from its own setting `budgets`; this one is that of the validation.
        losses: Weights and reduction of the loss terms.
        quantisation: How the positions become 0 or 1 in training. The default, `straight_through`, makes training see
            the same perturbations as the attack; `element` is that of the paper's code.
        epochs: Number of passes over as many clips as there are training clips; 1 or more.
        batch_size: Clips per optimisation step; 1 or more.
        learning_rate: Highest learning rate of Adam, above 0.
        halve_every: Number of epochs after which the schedule `halve` halves the learning rate.
        clip_gradient: Largest Euclidean norm of the gradient in a step; longer gradients are shortened to it, which
            stabilises training. None: gradients are not clipped, as in the paper.
        share: Share of the training clips that the generator learns from, in (0, 1], to study how much data it needs.
            An epoch has the same number of steps for every share.
        precision: Arithmetic of the attacked model in training: `float32`, or `bfloat16`, which is faster where
            supported.
        augmentation: Random changes of the training clips, which then are whole clips until they are changed. Default:
            none.
        schedule: Learning rate in the course of the training: `halve` halves it every few epochs, `cosine` lets it
            decay to zero, step by step.
        warm_up: Share of the training, in [0, 1), in which `cosine` first raises the learning rate from zero.
        average: Weight of the past, in [0, 1), in a running mean of the weights over the steps, which is validated and
            kept instead of the last weights; 0: none. B. T. Polyak, A. B. Juditsky, "Acceleration of Stochastic
            Approximation by Averaging", SIAM J. Control Optim. 30, 1992.
    """

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    losses: Losses = Losses()
    quantisation: Quantisation = "straight_through"
    epochs: int = 12
    batch_size: int = 8
    learning_rate: float = 1e-3
    halve_every: int = 4
    clip_gradient: float | None = 1.0
    share: float = 1.0
    precision: Precision = "float32"
    augmentation: BatchAugmentation | None = field(default=None, metadata=LATER)
    schedule: Schedule = field(default="halve", metadata=LATER)
    warm_up: float = field(default=0.0, metadata=LATER)
    average: float = field(default=0.0, metadata=LATER)

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_training(self.epochs, self.batch_size, self.learning_rate)
        if not 0 < self.share <= 1:
            raise StaanetError(f"expected share in (0, 1], got {self.share}; it is a share, not a percentage")
        if not 0 <= self.warm_up < 1 or (self.warm_up and self.schedule != "cosine"):
            raise StaanetError(
                f"expected warm_up in [0, 1), and 0 unless the schedule is cosine, got {self.warm_up} with "
                f"{self.schedule}; it is the share of the training in which the learning rate rises"
            )
        if not 0 <= self.average < 1:
            raise StaanetError(
                f"expected average in [0, 1), got {self.average}; 0.999 is a mean over about a thousand steps"
            )

    def rate(self, history: History) -> float:
        """Return the learning rate at the start of the next epoch, given the figures of the epochs so far."""
        if self.schedule == "cosine":
            return self.rate_at(len(history) / self.epochs)
        return self.learning_rate * 0.5 ** (len(history) // self.halve_every)

    def rate_at(self, done: float) -> float:
        """Return the learning rate of the schedule `cosine` when a share `done` of the training, in [0, 1], is done.

        >>> training = GeneratorTraining(learning_rate=1.0, schedule="cosine", warm_up=0.5)
        >>> [round(training.rate_at(done), 3) for done in (0, 0.25, 0.5, 0.75, 1)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
        """
        if done < self.warm_up:
            return self.learning_rate * done / self.warm_up
        return self.learning_rate * (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up))) / 2


GENERATOR_PRESETS = {
    "default": GeneratorTraining(),
    "paper": GeneratorTraining(
        budget=Budget(epsilon=0.05),
        losses=Losses(reduction="paper", confidence=0.0, magnitude=1e-3, sparsity=1e-4, quantisation=1e-4),
        quantisation="element",
        epochs=20,
        learning_rate=1e-4,
        halve_every=5,
        clip_gradient=None,
    ),
    "conditional": GeneratorTraining(
        losses=Losses(confidence=15.0),
        epochs=40,
        batch_size=16,
        augmentation=BatchAugmentation(),
        schedule="cosine",
        warm_up=0.05,
    ),
}
"""Training presets by name; `paper` is the training on DEMoS in arXiv 2402.01227, section 4.4."""


def generator_training(
    generator: str, values: str | Mapping[str, Any], where: str, budget: Budget | None = None
) -> GeneratorTraining:
    """Return the complete training settings of a generator.

    Args:
        generator: Registry name of the generator, which decides what the preset `default` is.
        values: Name of a preset, or a table of settings with an optional key `preset`.
        where: Place of the values, for error messages.
        budget: Budget of the presets. Default: their own.

    Raises:
        StaanetError: If the preset or a setting is unknown, or a value is invalid.

    >>> generator_training("conditional", {"epochs": 3}, "example").schedule
    'cosine'
    """
    presets = {**GENERATOR_PRESETS, "default": GENERATOR_PRESETS[GENERATORS[generator].preset]}
    if budget is not None:
        presets = {name: replace(preset, budget=budget) for name, preset in presets.items()}
    return from_preset(GeneratorTraining, presets, values, where)
