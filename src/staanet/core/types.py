"""The shapes that rooms hand each other: waveforms `[B, T]`, lengths `[B]`, labels `[B]`, logits `[B, K]`."""

import contextlib
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError

BOUNDS = (-1.0, 1.0)


class Classifier(Protocol):
    """Anything that maps waveforms `[B, T]` of given lengths `[B]` to logits `[B, K]`.

    It may carry `bounds`, the range of its input; without, (-1, 1). And it may `represent(waveforms, lengths)`: give
    what comes before its head, `[B, D]`, as every victim does.
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
            "expected a model that can represent clips (represent(waveforms, lengths) -> [B, D]), as victims can, "
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


def valid_samples(lengths: Tensor, size: int) -> Tensor:
    """Return the mask `[B, T]` of the samples that belong to each clip.

    >>> valid_samples(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def top_positions(scores: Tensor, counts: Tensor, allowed: Tensor) -> Tensor:
    """Return the mask `[B, T]` of the `counts` `[B]` highest scores `[B, T]` among the allowed samples; ties never add.

    >>> top_positions(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([2]), torch.tensor([[True, True, True]]))
    tensor([[ True, False,  True]])
    """
    available = allowed.sum(1)
    if (available <= counts).all():
        return allowed
    counts = torch.minimum(counts, available)
    most = int(counts.max())
    best = scores.masked_fill(~allowed, -torch.inf).topk(most, dim=1).indices  # [B, most]
    chosen = torch.arange(most, device=scores.device) < counts[:, None]
    return torch.zeros_like(allowed).scatter(1, best, chosen)


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return each label's logit less the highest other one, `[B]`: negative where another class is decided.

    >>> margin(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([1]))
    tensor([-2.])
    """
    own = logits.gather(1, labels[:, None])[:, 0]
    return own - logits.scatter(1, labels[:, None], -torch.inf).amax(1)


def check_waveforms(waveforms: Tensor, lengths: Tensor | None = None, bounds: tuple[float, float] = BOUNDS) -> Tensor:
    """Check a batch `[B, T]` and return its lengths `[B]`, the full width where none are given.

    Raises:
        StaanetError: a shape, dtype, range, length or tail that breaks the contract of waveforms.

    >>> check_waveforms(torch.zeros(2, 5))
    tensor([5, 5])
    """
    if waveforms.ndim != 2:
        hint = "; drop the channel with .squeeze(1)" if waveforms.ndim == 3 else ""
        raise StaanetError(f"expected waveforms [B, T], got {list(waveforms.shape)}{hint}")
    if not waveforms.is_floating_point():
        raise StaanetError(f"expected floating-point waveforms, got {waveforms.dtype}; divide integers by their range")
    size = waveforms.shape[1]
    if lengths is None:
        lengths = torch.full((len(waveforms),), size, device=waveforms.device)
    if lengths.shape != (len(waveforms),) or lengths.is_floating_point():
        raise StaanetError(f"expected integer lengths [{len(waveforms)}], got {lengths.dtype} {list(lengths.shape)}")
    lengths = lengths.to(waveforms.device)
    if not len(waveforms):
        return lengths
    if not size:
        raise StaanetError("expected clips of one sample or more, got none; leave the empty clips out")
    beyond = (waveforms != 0).logical_and_(~valid_samples(lengths, size)).any()
    figures = (*lengths.aminmax(), *waveforms.aminmax(), beyond)
    shortest, longest, least, most, tail = torch.stack([figure.double() for figure in figures]).tolist()
    if not (math.isfinite(least) and math.isfinite(most)):
        raise StaanetError("expected finite waveforms, got NaN or infinite samples; leave the damaged clips out")
    if not 1 <= shortest <= longest <= size:
        raise StaanetError(f"expected lengths in 1..{size}, got {shortest:.0f}..{longest:.0f}")
    low, high = bounds
    if not low <= least <= most <= high:
        raise StaanetError(
            f"expected samples in [{low:g}, {high:g}], got [{least:g}, {most:g}]; divide by the peak or by the "
            "integer range"
        )
    if tail:
        raise StaanetError("expected zeros beyond each clip's length, got other samples; check lengths")
    return lengths
