"""The interface of a classifier, which is all that attacks, defences and metrics need to know of a model."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.core.waveforms import BOUNDS


class Classifier(Protocol):
    """Anything that maps waveforms `[B, T]` and their lengths `[B]` to logits `[B, K]`.

    A classifier may have an attribute `bounds`, the range of its input (default: -1 to 1), and a method
    `represent(waveforms, lengths)`, which returns the input of its last layer, `[B, D]`. Models have both.
    """

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`."""
        ...


def as_classifier(model: Callable[..., Tensor]) -> Classifier:
    """Return `model` as a classifier; a function of waveforms only is wrapped so that it ignores lengths.

    >>> sums = as_classifier(lambda waveforms: waveforms.sum(1, keepdim=True))
    >>> sums(torch.ones(1, 4), torch.tensor([4]))
    tensor([[4.]])
    """
    target = model.forward if isinstance(model, nn.Module) else model
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    if len(required) >= 2 or any(p.name == "lengths" for p in parameters):
        return model
    return WaveformFunction(model)


class WaveformFunction:
    """A classifier that calls a function of waveforms and ignores their lengths.

    Args:
        function: Maps waveforms `[B, T]` to logits `[B, K]`.
    """

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function
        self.bounds = bounds_of(function)
        self.represent = getattr(function, "represent", None)

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:  # noqa: ARG002
        """Return the logits `[B, K]` that the function computes."""
        return self.function(waveforms)


def bounds_of(model: Any) -> tuple[float, float]:
    """Return the lowest and highest input value of a classifier: its `bounds` if it has them, else -1 and 1."""
    low, high = getattr(model, "bounds", BOUNDS)
    return float(low), float(high)


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


@contextlib.contextmanager
def frozen(model: Any) -> Iterator[None]:
    """Keep a model in eval mode with frozen parameters within a block, and restore its state afterwards.

    >>> model = nn.Dropout()
    >>> with frozen(model):
    ...     model.training
    False
    >>> model.training
    True
    """
    module = model.function if isinstance(model, WaveformFunction) else model
    if not isinstance(module, nn.Module):
        yield
        return
    modes = [(child, child.training) for child in module.modules()]
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    module.eval()
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for child, training in modes:
            child.training = training
        for parameter in trainable:
            parameter.requires_grad_(True)


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
