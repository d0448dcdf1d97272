"""The contract of attacks: settings are the fields of a frozen dataclass, and `perturb` is the one method to write."""

import abc
import warnings
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, final

import torch
from torch import Tensor

from staanet.core.budget import Budget
from staanet.core.classifier import CheckedClassifier, Classifier, as_classifier
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.inputs import Numbers, as_labels, as_waveforms, check_classes
from staanet.core.seeds import ClipRandom
from staanet.core.unwrapping import frozen
from staanet.core.waveforms import valid_samples

Access = Literal["gradient", "scores", "decision", "none"]

ACCESS: tuple[Access, ...] = ("none", "decision", "scores", "gradient")
"""What attacks need of a model, from nothing to most."""


class Attack(abc.ABC):
    """Base class of attacks, which change waveforms so that a model decides otherwise.

    A subclass is a frozen dataclass with a `budget` among its fields, and `targeted: bool = False` if it is
    `targetable`. An attack only perturbs; its caller measures success and cost.
    """

    name: ClassVar[str]
    """Registry name."""
    access: ClassVar[Access]
    """What the attack needs of the model: gradients, scores, decisions or nothing."""
    norms: ClassVar[tuple[str, ...]]
    """Norms of the perturbation that the attack bounds or minimises."""
    targetable: ClassVar[bool] = False
    """Whether the attack can move towards given labels as well as away from them."""
    model_free: ClassVar[bool] = False
    """Whether the result does not depend on the source model, as for random noise."""
    needs_representation: ClassVar[bool] = False
    """Whether the attack uses representations only, so that neither the head of the source nor the classes matter."""
    needs_generator: ClassVar[bool] = False
    """Whether the attack has a setting `generator`, the trained generator that it applies."""
    reference: ClassVar[str]
    """Paper that introduced the attack, or `control`."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Published settings by name; each preset lists what differs from the defaults."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Packages that the attack needs in addition to the dependencies of the library."""

    budget: Budget

    @final
    def __call__(
        self,
        model: Callable[..., Tensor],
        waveforms: Numbers,
        labels: Numbers,
        lengths: Numbers | None = None,
        *,
        seed: int = 0,
    ) -> Tensor:
        """Return adversarial waveforms `[B, T]`, within the budget and the bounds of the model, zero in the padding.

        The random draws for a clip depend on `seed` and on the clip only. The model keeps its mode and parameters. Its
        gradient counts as zero at samples where it is not finite, of which a warning is given.

        Args:
            model: Any callable that maps waveforms, and optionally lengths, to logits `[B, K]`.
            waveforms: Clean clips, `[B, T]`, within the bounds of the model: its attribute `bounds`, default (-1, 1).
                Arrays, lists and other precisions are converted to float32 tensors.
            labels: Classes to move away from or, if targeted, towards, `[B]`.
            lengths: Number of valid samples of each clip, `[B]`. Default: T for all.
            seed: Seed of the random draws.

        Raises:
            StaanetError: The input or the model breaks this contract.
        """
        with torch.inference_mode(False):
            return self._attack(as_classifier(model), waveforms, labels, lengths, seed)

    def _attack(
        self, model: CheckedClassifier, waveforms: Numbers, labels: Numbers, lengths: Numbers | None, seed: int
    ) -> Tensor:
        bounds = model.bounds
        if self.budget.epsilon is not None and self.budget.epsilon > bounds[1] - bounds[0]:
            raise StaanetError(
                f"expected epsilon of at most {bounds[1] - bounds[0]:g}, the width of the model's bounds, "
                f"got {self.budget.epsilon:g}"
            )
        clips, sizes = as_waveforms(waveforms, lengths, bounds)
        clips = clips.detach()
        classes = as_labels(labels, len(clips), clips.device)
        if not len(clips):
            return clips.clone()
        nonfinite = model.nonfinite_gradients
        with frozen(model):
            adversarial = self.perturb(_Labelled(model, classes), clips, classes, sizes, ClipRandom(seed, clips, sizes))
        if model.nonfinite_gradients > nonfinite:
            warnings.warn(
                f"{model.name}: {model.nonfinite_gradients - nonfinite} gradients of clips were not finite at some "
                f"samples, where they count as zero; {self.name} may be weaker than it could be",
                StaanetWarning,
                stacklevel=3,
            )
        return self._within(adversarial.detach(), clips, sizes, bounds)

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
        """Return adversarial waveforms `[B, T]`; the caller cuts what exceeds the budget or the bounds.

        All arguments are passed by position, so that a subclass may rename those that it does not use.

        Args:
            model: The classifier under attack, frozen and in evaluation mode.
            waveforms: Clean clips, `[B, T]`.
            labels: Classes to move away from or, if targeted, towards, `[B]`.
            lengths: Number of valid samples of each clip, `[B]`.
            random: Random streams, one per clip.
        """

    @property
    def stride(self) -> int | None:
        """Period in samples at which the attack may favour positions, or None if it has no such period."""
        return None

    def prepare(self, device: torch.device) -> "Attack":
        """Load the files that the attack needs onto a device, and return the attack.

        An attack without files does nothing. Call it before a long run, so that a missing file is reported at once.
        """
        del device
        return self

    def chosen_positions(self, waveforms: Tensor, lengths: Tensor, adversarial: Tensor) -> Tensor:
        """Return the positions `[B, T]` that the attack chose, 0 or 1. Default: the samples that it changed."""
        del lengths
        return adversarial != waveforms


class _Labelled:
    """A classifier that rejects labels which are none of its classes, when it is first called."""

    def __init__(self, classifier: CheckedClassifier, labels: Tensor) -> None:
        self._classifier = classifier
        self._unchecked: Tensor | None = labels
        self.bounds, self.represent = classifier.bounds, classifier.represent

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`."""
        logits = self._classifier(waveforms, lengths)
        if self._unchecked is not None:
            check_classes(self._unchecked, logits.shape[1])
            self._unchecked = None
        return logits
