"""What attacks that see logits make grow, and its gradient at the waveforms."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.classifier import Classifier, margin
from staanet.core.errors import StaanetError

Objective = Literal["cross_entropy", "margin", "dlr"]
"""- `cross_entropy` of the labels (I. J. Goodfellow, J. Shlens, C. Szegedy, ICLR 2015);
- `margin`: the highest other logit less that of the labels (N. Carlini, D. Wagner, IEEE S&P 2017);
- `dlr`: the difference of logits ratio, which no scale of the logits changes (F. Croce, M. Hein, ICML 2020)."""


def objective_values(logits: Tensor, labels: Tensor, objective: Objective, targeted: bool = False) -> Tensor:
    """Return what an attack makes grow, one value per clip `[B]`.

    Shape: logits `[B, K]`, labels `[B]`: the classes to leave, or (`targeted`) to reach.

    Raises:
        StaanetError: `dlr` with fewer than three classes, or, targeted, fewer than four.

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


class Ascent(NamedTuple):
    """What a model says of waveforms, and where its objective grows fastest."""

    logits: Tensor
    """`[B, K]`."""
    values: Tensor
    """`[B]`, of the objective."""
    gradients: Tensor
    """`[B, T]`, of each clip's own value; zero beyond each clip."""


def ascent(
    model: Classifier,
    waveforms: Tensor,
    labels: Tensor,
    lengths: Tensor,
    objective: Objective = "cross_entropy",
    targeted: bool = False,
) -> Ascent:
    """Return the objective and its gradient at waveforms `[B, T]`: one forward and one backward pass.

    >>> weights = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> ascent(lambda x, n: x @ weights, torch.zeros(1, 2), torch.tensor([0]), torch.tensor([2]), "margin").gradients
    tensor([[-1.,  2.]])
    """
    waveforms = waveforms.detach().requires_grad_()
    with torch.enable_grad():
        logits = model(waveforms, lengths)
        values = objective_values(logits, labels, objective, targeted)
        (gradients,) = torch.autograd.grad(values.sum(), waveforms)
    return Ascent(logits.detach(), values.detach(), gradients)


def reached(logits: Tensor, labels: Tensor, targeted: bool = False) -> Tensor:
    """Return whether each clip `[B]` is decided as an attack wants: not as its label, or (`targeted`) as it.

    >>> reached(torch.tensor([[3.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 0]))
    tensor([False,  True])
    """
    decided = logits.argmax(1) == labels
    return decided if targeted else ~decided
