"""The interface of a classifier, which is all that attacks, defences and metrics need to know of a model, checked."""

import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.unwrapping import attribute, dtype_of, innermost, modules_of, takes_lengths
from staanet.core.waveforms import BOUNDS


class Classifier(Protocol):
    """Anything that maps waveforms `[B, T]` and their lengths `[B]` to logits `[B, K]`.

    A classifier may have an attribute `bounds`, the range of its input (default: -1 to 1), and a method
    `represent(waveforms, lengths)`, which returns the input of its last layer, `[B, D]`. Models have both.
    """

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`."""
        ...


def as_classifier(model: Callable[..., Any]) -> "CheckedClassifier":
    """Return `model` as a classifier that is checked at every call; a function of waveforms only ignores lengths.

    >>> sums = as_classifier(lambda waveforms: waveforms.sum(1, keepdim=True))
    >>> sums(torch.ones(1, 4), torch.tensor([4]))
    tensor([[4.]])
    """
    return model if isinstance(model, CheckedClassifier) else CheckedClassifier(model)


class CheckedClassifier:
    """A classifier that protects the clips from its model and checks every answer of the model.

    The model receives a copy of the clips in the type of its weights, and their lengths if it takes them. Its answer
    must be finite logits `[B, K]`, with the same number of classes K in every call. A gradient that is not finite at
    some samples is replaced by zero at these samples, and `nonfinite_gradients` counts the clips with such a gradient.

    Args:
        model: Anything that maps waveforms `[B, T]`, and optionally lengths `[B]`, to logits `[B, K]`.
    """

    def __init__(self, model: Callable[..., Any]) -> None:
        if not callable(model) or inspect.isclass(model):
            raise StaanetError(f"expected a model that can be called with clips, got {model!r}; give the model itself")
        self.model = model
        self.name: str = attribute(model, "name") or getattr(model, "__name__", type(model).__name__)
        self.bounds = bounds_of(model)
        self.modules = modules_of(model)
        self.nonfinite_gradients = 0
        """Number of gradients of clips, over all backward passes, that were not finite at some samples."""
        self._dtype = dtype_of(self.modules) if isinstance(innermost(model), nn.Module) else None
        weights = (weight for module in self.modules for weight in module.parameters())
        self._made_in_inference_mode = any(weight.is_inference() for weight in weights)
        self._lengths = takes_lengths(model)
        self._classes: int | None = None

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`.

        Raises:
            StaanetError: The model returned something else, or logits that are not finite.
        """
        answer = self._answer(self._protected(waveforms), lengths.clone())
        logits = self._checked(answer, len(waveforms), "logits", "number per clip and class").to(waveforms.dtype)
        self._classes = self._classes or logits.shape[1]
        if logits.shape[1] != self._classes:
            raise StaanetError(
                f"expected logits of {self._classes} classes from {self.name} as before, got {logits.shape[1]}"
            )
        if waveforms.requires_grad and torch.is_grad_enabled() and not logits.requires_grad:
            raise StaanetError(
                f"expected logits with gradients from {self.name}, got logits without; use an attack that needs only "
                "scores or decisions (staanet list attacks)"
            )
        return logits

    @property
    def represent(self) -> Classifier | None:
        """The function that maps waveforms `[B, T]` and lengths `[B]` to representations `[B, D]`; None without one."""
        represent = attribute(self.model, "represent")
        return None if represent is None else partial(self._represent, represent)

    def _represent(self, represent: Classifier, waveforms: Tensor, lengths: Tensor) -> Tensor:
        answer = represent(self._protected(waveforms), lengths.clone())
        return self._checked(
            answer, len(waveforms), "representations", "vector per clip, such as the mean over time"
        ).to(waveforms.dtype)

    def _protected(self, waveforms: Tensor) -> Tensor:
        """Return a copy of waveforms in the type of the model's weights, whose gradients are made finite."""
        copied = waveforms.clone()
        if copied.requires_grad:
            if self._made_in_inference_mode:
                raise StaanetError(
                    f"expected weights of {self.name} that gradients can pass, got weights made in "
                    "torch.inference_mode; load or create the model outside it"
                )
            copied.register_hook(self._finite_gradients)
        return copied if self._dtype is None else copied.to(self._dtype)

    def _answer(self, clips: Tensor, lengths: Tensor) -> Any:
        if self._lengths == "perhaps":
            try:
                answer = self.model(clips, lengths)
            except TypeError as error:
                self._lengths = "no"
                answer = self.model(clips)
                warnings.warn(
                    f"{self.name}: called without lengths, because with them it fails: {error}",
                    StaanetWarning,
                    stacklevel=4,
                )
                return answer
            else:
                self._lengths = "yes"
                return answer
        if self._lengths == "yes":
            return self.model(clips, lengths)
        return self.model(clips, lengths=lengths) if self._lengths == "by keyword" else self.model(clips)

    def _checked(self, answer: Any, clips: int, what: str, hint: str) -> Tensor:
        """Return an answer of the model if it consists of finite vectors, one per clip."""
        if not isinstance(answer, Tensor):
            unwrap = "return its .logits" if hasattr(answer, "logits") else f"return the tensor of the {what} only"
            raise StaanetError(f"expected {what} [B, K] from {self.name}, got {type(answer).__name__}; {unwrap}")
        if answer.ndim != 2 or len(answer) != clips or not answer.is_floating_point():
            raise StaanetError(
                f"expected floating-point {what} [{clips}, K] from {self.name}, got {answer.dtype} "
                f"{list(answer.shape)}; return one {hint}"
            )
        if not torch.isfinite(answer).all():
            raise StaanetError(
                f"expected finite {what} from {self.name}, got NaN or infinite ones, which are no decision; look for "
                "an overflow in half precision, a division by zero or a logarithm of zero in the model; mask classes "
                "with a large negative number instead of -inf"
            )
        return answer if answer.requires_grad else answer.clone()

    def _finite_gradients(self, gradients: Tensor) -> Tensor | None:
        """Count gradients `[B, T]` that are not finite and return finite ones, None if all are finite."""
        if torch.isfinite(gradients.sum()):
            return None
        finite = torch.isfinite(gradients)
        self.nonfinite_gradients += int((~finite).any(1).sum())
        return torch.where(finite, gradients, 0)


def bounds_of(model: Any) -> tuple[float, float]:
    """Return the lowest and highest input value of a classifier: its `bounds` if it has them, else -1 and 1."""
    bounds = attribute(model, "bounds", BOUNDS)
    try:
        low, high = map(float, bounds)
    except (TypeError, ValueError):
        raise StaanetError(f"expected bounds (low, high) of the model's input, got {bounds!r}") from None
    return low, high


def encoder_of(model: Any) -> Classifier:
    """Return the function of a model that maps waveforms `[B, T]` and lengths `[B]` to representations `[B, D]`.

    Raises:
        StaanetError: If the model returns logits only.
    """
    represent: Classifier | None = getattr(model, "represent", None)
    if represent is None:
        raise StaanetError(
            "expected a model that can represent clips (represent(waveforms, lengths) -> [B, D]), as all models of "
            "staanet can, got one that returns logits only; add the method or use another attack (staanet list attacks)"
        )
    return represent


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the logit of each label minus the highest other logit, `[B]`: negative if another class is predicted.

    Args:
        logits: `[B, K]`.
        labels: Class numbers, `[B]`.

    >>> margin(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([1]))
    tensor([-2.])
    """
    own = logits.gather(1, labels[:, None])[:, 0]
    return own - logits.scatter(1, labels[:, None], -torch.inf).amax(1)
