"""What a model is to an attack: waveforms `[B, T]` and lengths `[B]` in, logits `[B, K]` out."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.core.waveforms import BOUNDS


class Classifier(Protocol):
    """Anything that maps waveforms `[B, T]` of given lengths `[B]` to logits `[B, K]`.

    It may carry `bounds`, the range of its input; without, (-1, 1). And it may `represent(waveforms, lengths)`: give
    what comes before its head, `[B, D]`, as every model does.
    """

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`."""
        ...


def as_classifier(model: Callable[..., Tensor]) -> Classifier:
    """Return `model` as a classifier; a plain function of waveforms is wrapped so that it ignores lengths.

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
    """A plain function of waveforms, as a classifier that ignores lengths."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function
        self.bounds = bounds_of(function)
        self.represent = getattr(function, "represent", None)

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:  # noqa: ARG002
        """Return the function's logits `[B, K]`."""
        return self.function(waveforms)


def bounds_of(model: Any) -> tuple[float, float]:
    """Return the range of a classifier's input, (-1, 1) unless it says otherwise."""
    low, high = getattr(model, "bounds", BOUNDS)
    return float(low), float(high)


def encoder_of(model: Any) -> Classifier:
    """Return what gives the representations `[B, D]` of waveforms `[B, T]` of given lengths `[B]`.

    Raises:
        StaanetError: a model that gives logits only.
    """
    represent: Classifier | None = getattr(model, "represent", None)
    if represent is None:
        raise StaanetError(
            "expected a model that can represent clips (represent(waveforms, lengths) -> [B, D]), as models can, "
            "got one that gives logits only; add the method or use another attack (staanet list attacks)"
        )
    return represent


@contextlib.contextmanager
def frozen(model: Any) -> Iterator[None]:
    """Hold a model in eval mode with frozen parameters, and give it back exactly as it came.

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
    modes = [(part, part.training) for part in module.modules()]
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    module.eval()
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
        for parameter in trainable:
            parameter.requires_grad_(True)


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return each label's logit less the highest other one, `[B]`: negative where another class is decided.

    >>> margin(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([1]))
    tensor([-2.])
    """
    own = logits.gather(1, labels[:, None])[:, 0]
    return own - logits.scatter(1, labels[:, None], -torch.inf).amax(1)
