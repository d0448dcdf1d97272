"""Adversarial training by a generator that learns together with the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from staanet.attacks.components.objectives import value_and_grad
from staanet.attacks.generator import Generator, create_generator
from staanet.attacks.generator.base import SparsePerturbation
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.core.unwrapping import frozen
from staanet.defences.base import Companion, Criterion, TrainingDefence
from staanet.models import Model

SIZES = {"frame": 64, "widths": (24, 48), "detail": 4}
"""Sizes of a `compact` generator that takes a small part of the time of a step of a small model."""


@dataclass(frozen=True)
class AdversarialGenerator(TrainingDefence):
    """Training on clips that a generator attacks, which is trained against the model in the same backward pass.

    Source: a learnt start for each clip and one gradient step from it, X. Jia et al., "Boosting Fast Adversarial
    Training with Learnable Adversarial Initialization", arXiv 2110.05007. The generator is one of STAA-Net, so that it
    also chooses the positions if only a share of the samples may change. Model and generator have one loss, which the
    model minimises and the generator maximises (H. Lee et al., arXiv 1705.03387): the gradient is reversed between
    them, so that the generator costs no pass of the model of its own. It keeps its weights from step to step and thus
    follows the model. Training starts from the base model, if there is one.

    Args:
        generator: Registry name of the generator.
        sizes: Sizes of its network that differ from the defaults; those of a small `compact` by default.
        budget: Limits on the size of a change and on the share of samples that may change.
        steps: Gradient steps after the generator, 0 or more, each of which costs a forward and a backward pass. With 0,
            the model learns from the clips of the generator alone.
        step_size: Size of a step as a share of epsilon, above 0.
        factor: Learning rate of the generator as a multiple of that of the model, above 0.

    >>> AdversarialGenerator(budget=Budget(snr_db=17.0, sparsity=0.01)).steps
    1
    """

    name = "adversarial_generator"
    reference = "arXiv 2110.05007"

    generator: str = "compact"
    sizes: Mapping[str, Any] = field(default_factory=lambda: dict(SIZES))
    budget: Budget = Budget(snr_db=40.0)
    steps: int = 1
    step_size: float = 1.0
    factor: float = 10.0

    def __post_init__(self) -> None:
        """Validate the settings."""
        limit = float("inf")
        if self.steps < 0 or not 0 < self.step_size < limit or not 0 < self.factor < limit:
            raise StaanetError(
                f"expected steps of 0 or more, and a step_size and a factor above 0, got {self.steps}, "
                f"{self.step_size} and {self.factor}"
            )
        self._untrained()

    @cached_property
    def network(self) -> Generator:
        """The generator that is trained."""
        return self._untrained()

    def companion(self) -> Companion:
        """Return the generator and the factor of its learning rate."""
        return Companion(self.network, self.factor)

    def begin(self, model: Model, base_model: Model | None) -> None:
        """Copy the weights of the base model, if there is one, and give the generator its initial weights."""
        if base_model is not None:
            model.load_state_dict(base_model.state_dict())
        self.network.load_state_dict(self._untrained().state_dict())
        self.network.begin(model)

    def loss(
        self,
        model: Model,
        base_model: Model | None,  # noqa: ARG002
        waveforms: Tensor,
        lengths: Tensor,
        labels: Tensor,
        criterion: Criterion = functional.cross_entropy,
    ) -> Tensor:
        """Return the loss of the attacked clips; its gradient with respect to the generator is reversed."""
        clips = waveforms.clamp(-1, 1)
        epsilon, counts = self.budget.resolve(clips, lengths)
        with frozen(model):
            output = self._generated(model, clips, lengths, labels, epsilon, counts)
            start = output.adversarial - clips
            changes = start.detach()
            for _ in range(self.steps):
                found = value_and_grad(model.forward_fitted, clips + changes, labels, lengths)
                ahead = changes + self.step_size * epsilon * found.gradients.sign() * output.positions
                changes = (clips + ahead.clamp(-epsilon, epsilon)).clamp(-1, 1) - clips
        attacked = clips + _reversed(start + (changes - start).detach())
        return criterion(model.forward_fitted(attacked, lengths).float(), labels)

    def _generated(
        self, model: Model, clips: Tensor, lengths: Tensor, labels: Tensor, epsilon: Tensor, counts: Tensor
    ) -> SparsePerturbation:
        """Return the output of the generator for clips `[B, T]`; one that uses gradients gets those of the model."""
        network = self.network.to(clips.device)
        gradients = None
        if network.uses_gradients:
            gradients = value_and_grad(model.forward_fitted, clips, labels, lengths, "margin").gradients
        return network.perturbation(clips, epsilon, lengths, counts, "straight_through", gradients)

    def _untrained(self) -> Generator:
        with seeded(self.name, self.generator):
            return create_generator(self.generator, **self.sizes).train()


class _Reversal(torch.autograd.Function):
    """The identity, whose gradient has the opposite sign (Y. Ganin, V. Lempitsky, ICML 2015)."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        """Return the values."""
        return values.view_as(values)

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        """Return the gradient with the opposite sign."""
        return -gradients[0]


def _reversed(values: Tensor) -> Tensor:
    found: Tensor = _Reversal.apply(values)  # type: ignore[no-untyped-call]
    return found
