"""Counting and tracing of the forward and backward passes that an attack makes through a model."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from staanet.core.classifier import CheckedClassifier, Classifier, margin


class Counted(CheckedClassifier):
    """A checked classifier that counts the clips in its forward passes (`queries`) and backward passes (`gradients`).

    Args:
        model: The model whose passes are counted.
        watch: A trace that records every pass (default: None).

    >>> counted = Counted(lambda waveforms: waveforms)
    >>> logits = counted(torch.zeros(3, 2, requires_grad=True), torch.tensor([2, 2, 2]))
    >>> logits.sum().backward()
    >>> counted.queries, counted.gradients
    (3, 3)
    """

    def __init__(self, model: Callable[..., Tensor], watch: "Trace | None" = None) -> None:
        super().__init__(model)
        self._watch = watch
        self.queries = 0
        self.gradients = 0

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`."""
        logits = super().__call__(waveforms, lengths)
        self._count(waveforms, logits, logits)
        return logits

    def _represent(self, represent: Classifier, waveforms: Tensor, lengths: Tensor) -> Tensor:
        representations = super()._represent(represent, waveforms, lengths)
        self._count(waveforms, representations, None)
        return representations

    def _count(self, waveforms: Tensor, given: Tensor, logits: Tensor | None) -> None:
        self.queries += len(waveforms)
        step = self._watch.forward(waveforms, logits) if self._watch else None
        if given.requires_grad:
            given.register_hook(self._backward)
            if step is not None and self._watch and waveforms.requires_grad:
                watch = self._watch
                waveforms.register_hook(lambda gradients: watch.backward(step, gradients))

    def _backward(self, gradients: Tensor) -> None:
        self.gradients += len(gradients)


class Trace:
    """The passes of an attack on one clip, recorded for debugging the attack.

    Args:
        waveform: Samples of the clean clip, `[1, T]`.
        label: Class that the attack moves the clip away from or, if it is targeted, towards, `[1]`.
    """

    def __init__(self, waveform: Tensor, label: Tensor) -> None:
        self._waveform = waveform
        self._label = label
        self.steps: list[dict[str, Any]] = []

    def forward(self, waveforms: Tensor, logits: Tensor | None) -> int:
        """Record a forward pass of one or more candidates and return its number; it has a margin only with logits."""
        changes = (waveforms.detach() - self._waveform[:, : waveforms.shape[1]]).abs()
        self.steps.append(
            {
                "step": len(self.steps),
                "candidates": len(waveforms),
                "margin": None if logits is None else self.least_margin(logits.detach()),
                "l0": float((changes > 0).sum(1).double().mean()),
                "linf": float(changes.amax()),
                "gradient_norm": None,
            }
        )
        return len(self.steps) - 1

    def least_margin(self, logits: Tensor) -> float:
        """Return the smallest margin of the candidates with logits `[B, K]`."""
        return float(margin(logits, self._label.expand(len(logits))).min())

    def backward(self, step: int, gradients: Tensor) -> None:
        """Record the gradient of a pass, as the mean of the Euclidean norms over its candidates."""
        self.steps[step]["gradient_norm"] = float(torch.linalg.vector_norm(gradients, dim=1).mean())
