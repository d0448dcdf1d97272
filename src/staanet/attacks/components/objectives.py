"""Objectives maximised by score- and gradient-based attacks, and their gradients with respect to the waveforms."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.classifier import Classifier, margin
from staanet.core.errors import StaanetError

Objective = Literal["cross_entropy", "margin", "dlr"]
"""- `cross_entropy`: cross-entropy of the labels (I. J. Goodfellow, J. Shlens, C. Szegedy, ICLR 2015);
- `margin`: the highest other logit minus the logit of the label (N. Carlini, D. Wagner, IEEE S&P 2017);
- `dlr`: the difference of logits ratio, which is invariant to the scale of the logits (F. Croce, M. Hein, ICML 2020).
"""


def objective_values(logits: Tensor, labels: Tensor, objective: Objective, targeted: bool = False) -> Tensor:
    """Return the objective of each clip, `[B]`; an attack maximises it.

    Shape: logits `[B, K]`, labels `[B]`: the classes to leave, or (`targeted`) to reach.

    Raises:
        StaanetError: `dlr` was asked for with fewer than three classes, or, targeted, with fewer than four.

    >>> objective_values(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0]), "margin")
    tensor([-1.])
    """
    if objective == "cross_entropy":
        own = logits.gather(1, labels[:, None])[:, 0]
        others = logits.scatter(1, labels[:, None], -torch.inf).logsumexp(1)
        values = functional.softplus(others - own)  # unlike log-softmax, exact where the model is certain
        return -values if targeted else values
    if objective == "margin":
        values = margin(logits, labels)
        return values if targeted else -values
    least = 4 if targeted else 3
    if logits.shape[1] < least:
        raise StaanetError(f"expected {least} or more classes for the objective dlr, got {logits.shape[1]}; use margin")
    ordered = logits.sort(dim=1, descending=True).values
    own = logits.gather(1, labels[:, None])[:, 0]
    if targeted:
        spread = ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2
        return -(ordered[:, 0] - own) / (spread + 1e-12)
    return -margin(logits, labels) / (ordered[:, 0] - ordered[:, 2] + 1e-12)


class ValueAndGrad(NamedTuple):
    """The logits of a model, the objective of each clip and its gradient."""

    logits: Tensor
    """Logits, `[B, K]`."""
    values: Tensor
    """Objective of each clip, `[B]`."""
    gradients: Tensor
    """Gradient of each clip's own objective with respect to its samples, `[B, T]`; zero in the padding."""


def value_and_grad(
    model: Classifier,
    waveforms: Tensor,
    labels: Tensor | None,
    lengths: Tensor,
    objective: Objective = "cross_entropy",
    targeted: bool = False,
) -> ValueAndGrad:
    """Return the objective and its gradient at waveforms `[B, T]`, by one forward and one backward pass.

    Without labels, those of the objective are the decisions of the model.

    >>> weights = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> labels, lengths = torch.tensor([0]), torch.tensor([2])
    >>> value_and_grad(lambda x, n: x @ weights, torch.zeros(1, 2), labels, lengths, "margin").gradients
    tensor([[-1.,  2.]])
    """
    waveforms = waveforms.detach().requires_grad_()
    with torch.enable_grad():
        logits = model(waveforms, lengths)
        classes = logits.detach().argmax(1) if labels is None else labels
        values = objective_values(logits, classes, objective, targeted)
        (gradients,) = torch.autograd.grad(values.sum(), waveforms)
    return ValueAndGrad(logits.detach(), values.detach(), gradients)


CROSSING = 2e-4
"""Margin, as a share of the spread of a clip's logits, by which a clip must be beyond the boundary. At least half of it
is left after the clip was written to a file of 24 bits, or evaluated in another batch."""
ROUNDING = 16
"""The least such margin, in units of the rounding error of the largest logit. The spread of two logits vanishes at the
boundary between them."""


def crossing(logits: Tensor) -> Tensor:
    """Return the margin by which a clip with logits `[B, K]` must be beyond a boundary to have crossed it, `[B]`.

    >>> crossing(torch.tensor([[500.0, 0.0, -500.0]]))
    tensor([0.2010])
    """
    rounding = ROUNDING * torch.finfo(logits.dtype).eps * logits.abs().amax(1)
    return CROSSING * (logits.amax(1) - logits.amin(1)) + rounding


def fooled(logits: Tensor, labels: Tensor, targeted: bool = False) -> Tensor:
    """Return whether each clip counts as fooled, `[B]`: its class is not the label, or (`targeted`) it is.

    >>> fooled(torch.tensor([[3.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 0]))
    tensor([False,  True])
    """
    hits = logits.argmax(1) == labels
    return hits if targeted else ~hits


def succeeded(logits: Tensor, labels: Tensor, targeted: bool = False) -> Tensor:
    """Return whether each clip is fooled by a margin of at least `crossing`, `[B]`.

    An attack may stop at such a clip. One that is on the boundary, or closer to it, is not certain to be fooled once
    the clip is saved.

    >>> succeeded(torch.tensor([[3.0, 3.0001, 0.0], [3.0, 3.1, 0.0]]), torch.tensor([0, 0]))
    tensor([False,  True])
    """
    return objective_values(logits, labels, "margin", targeted) > crossing(logits)
