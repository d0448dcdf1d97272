"""The contract of attacks: settings are the fields of a frozen dataclass, `perturb` is the one method to write."""

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, final

import torch
from torch import Tensor

from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, as_classifier, bounds_of, frozen
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import check_waveforms, valid_samples

Access = Literal["gradient", "scores", "decision", "none"]


class Attack(abc.ABC):
    """Something that changes waveforms so that a model decides otherwise.

    A subclass is a frozen dataclass with a `budget` among its fields, and `targeted: bool = False` where it is
    `targetable`. It perturbs; whoever calls it measures.
    """

    name: ClassVar[str]
    access: ClassVar[Access]
    """What it asks of the model it attacks: gradients, scores, decisions, or nothing."""
    norms: ClassVar[tuple[str, ...]]
    """What it bounds or minimises."""
    targetable: ClassVar[bool] = False
    """Whether it can move towards given labels as well as away from them."""
    model_free: ClassVar[bool] = False
    """Whether it does the same whatever the source, as noise does."""
    needs_representation: ClassVar[bool] = False
    """Whether it asks for representations only, so that neither the source's head nor the classes matter."""
    reference: ClassVar[str]
    """Where it comes from."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Settings that were published, by name: what they change of the defaults."""
    packages: ClassVar[tuple[str, ...]] = ()
    """What it depends on beside the library's own dependencies."""

    budget: Budget

    @final
    def __call__(
        self,
        model: Callable[..., Tensor],
        waveforms: Tensor,
        labels: Tensor,
        lengths: Tensor | None = None,
        *,
        seed: int = 0,
    ) -> Tensor:
        """Return adversarial waveforms `[B, T]`, within the budget and the model's bounds, zero beyond each clip.

        The random draws of a clip depend on `seed` and on the clip only. The model comes back in the mode and with the
        parameters it had.

        Args:
            model: anything that maps waveforms (and lengths) to logits `[B, K]`.
            waveforms: `[B, T]` in the model's bounds, (-1, 1) unless it says otherwise.
            labels: `[B]`, the classes to move away from (towards, where targeted).
            lengths: `[B]`, valid samples of each clip; all of T where left out.
            seed: of the random draws.

        Raises:
            StaanetError: input that breaks these terms.
        """
        bounds = bounds_of(model)
        if self.budget.epsilon is not None and self.budget.epsilon > bounds[1] - bounds[0]:
            raise StaanetError(
                f"expected epsilon of at most {bounds[1] - bounds[0]:g}, the width of the model's bounds, "
                f"got {self.budget.epsilon:g}"
            )
        lengths = check_waveforms(waveforms, lengths, bounds)
        if labels.shape != lengths.shape or labels.is_floating_point():
            raise StaanetError(f"expected integer labels [{len(lengths)}], got {labels.dtype} {list(labels.shape)}")
        classifier = as_classifier(model)
        with frozen(classifier):
            adversarial = self.perturb(
                _Checked(classifier, self.name, labels),
                waveforms.detach(),
                labels,
                lengths,
                ClipRandom(seed, waveforms, lengths),
            )
        return self._within(adversarial.detach(), waveforms.detach(), lengths, bounds)

    def _within(self, adversarial: Tensor, waveforms: Tensor, lengths: Tensor, bounds: tuple[float, float]) -> Tensor:
        if adversarial.shape != waveforms.shape or not torch.isfinite(adversarial).all():
            raise StaanetError(f"expected finite waveforms {list(waveforms.shape)} from {self.name}, got other ones")
        perturbations = self.budget.clamp(adversarial - waveforms, waveforms, lengths)
        within = (waveforms + perturbations).clamp(*bounds)
        return torch.where(valid_samples(lengths, waveforms.shape[1]), within, 0)

    @abc.abstractmethod
    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return adversarial waveforms `[B, T]`; whatever exceeds the budget or the bounds is cut by the caller.

        `model` is frozen and in eval mode; `random` holds a stream per clip.
        """


class _Checked:
    """A classifier that refuses the logits of a model, or labels, with which an attack could not work."""

    def __init__(self, classifier: Classifier, attack: str, labels: Tensor) -> None:
        self._classifier = classifier
        self._attack = attack
        self._unchecked: Tensor | None = labels
        self.bounds = bounds_of(classifier)
        self.represent = getattr(classifier, "represent", None)

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`."""
        logits = self._classifier(waveforms, lengths)
        if self._unchecked is not None:
            self._check(logits, self._unchecked)
            self._unchecked = None
        if waveforms.requires_grad and torch.is_grad_enabled() and not logits.requires_grad:
            raise StaanetError(
                f"expected a model with gradients for {self._attack}, got one without; use an attack that asks for "
                "scores or decisions (staanet list attacks)"
            )
        return logits

    @staticmethod
    def _check(logits: Tensor, labels: Tensor) -> None:
        if logits.ndim != 2 or logits.shape[1] < 2:
            raise StaanetError(f"expected a model of two or more classes [B, K], got logits {list(logits.shape)}")
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < logits.shape[1]:
            raise StaanetError(
                f"expected labels in 0..{logits.shape[1] - 1}, got {labels.tolist()}; check the order of the classes"
            )
