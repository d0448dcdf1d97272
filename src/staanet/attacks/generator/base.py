"""The contract of generators: waveforms in, magnitudes times 0-1 positions out."""

import abc
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.core.types import check_waveforms, top_positions, valid_samples

Quantisation = Literal["element", "pass", "straight_through"]
"""What training makes of the positions, which are 0 or 1 and have no gradient:

- `element`: each sample is quantised with probability 0.5 (the paper's code);
- `pass`: one draw quantises all or none (a reading of the paper's text);
- `straight_through`: always quantised, the gradient passes as if they were not. Magnitudes learn at every sample then,
  also where the position is 0; otherwise a position whose magnitude still points the wrong way could never become 1.
"""


import os
LEAK = float(os.environ.get("LEAK", "0.1"))


class SparsePerturbation(NamedTuple):
    """A generator's output; all `[B, T]`."""

    adversarial: Tensor
    """x + magnitudes * positions, cut to full scale."""
    magnitudes: Tensor
    """v, at most epsilon in size."""
    positions: Tensor
    """m, 0 or 1 (in training also between)."""
    scores: Tensor
    """The positions before quantisation, in [0, 1]."""


@dataclass(frozen=True)
class GeneratorSettings:
    """What every generator lets one choose.

    Args:
        bound: how magnitudes stay within epsilon: `tanh` (the paper's code) or `clip` (its text).
        selection: which positions are 1: those with a score of 0.5 or more (`threshold`, the paper), of which a budget
            keeps the highest; or exactly as many as the budget allows, the highest first (`top`).
    """

    bound: Literal["tanh", "clip"] = "tanh"
    selection: Literal["threshold", "top"] = "threshold"


class Generator(nn.Module, abc.ABC):
    """A network with two outputs per sample, from which the magnitudes and the positions are made.

    Source: arXiv 2402.01227, equations 1 and 2 and section 3.2.3. A subclass writes `outputs`.
    """

    name: ClassVar[str]
    stride: int
    """Samples between two steps of the coarsest level: the period that a comb of positions would have."""
    settings: Any
    Settings: ClassVar[type[GeneratorSettings]] = GeneratorSettings

    @abc.abstractmethod
    def outputs(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw magnitudes and the raw positions, each `[B, T]`, unbounded."""

    def forward(
        self,
        waveforms: Tensor,
        epsilon: float | Tensor,
        lengths: Tensor | None = None,
        counts: Tensor | None = None,
        quantisation: Quantisation = "element",
    ) -> SparsePerturbation:
        """Return the perturbation of waveforms `[B, T]`; in eval mode the positions are always 0 or 1.

        Args:
            waveforms: `[B, T]` in [-1, 1].
            epsilon: largest change of a sample, one number or `[B, 1]`.
            lengths: `[B]`, valid samples of each clip; all of T where left out.
            counts: `[B]`, how many positions may be 1; as many as the scores say where left out.
            quantisation: of the positions in training.

        Raises:
            StaanetError: waveforms that break their contract.
        """
        lengths = check_waveforms(waveforms, lengths)
        valid = valid_samples(lengths, waveforms.shape[1])
        raw_magnitudes, raw_positions = self.outputs(waveforms, lengths)
        if self.settings.bound == "tanh":
            magnitudes = epsilon * raw_magnitudes.tanh()
        else:
            epsilon = torch.as_tensor(epsilon, dtype=waveforms.dtype, device=waveforms.device)
            magnitudes = raw_magnitudes.clamp(-epsilon, epsilon)
        magnitudes = magnitudes * valid
        scores = (raw_positions.tanh() + 1) / 2 * valid
        hard = self._chosen(raw_positions.detach(), valid, counts).to(scores.dtype)
        positions = _quantised(scores, hard, quantisation) if self.training else hard
        perturbations = magnitudes * positions
        if self.training and quantisation == "straight_through":
            surrogate = magnitudes * (hard + LEAK * (1 - hard)) + magnitudes.detach() * scores
            perturbations = surrogate + (magnitudes * hard - surrogate).detach()
        adversarial = (waveforms + perturbations).clamp(-1, 1)
        return SparsePerturbation(adversarial, magnitudes, positions, scores)

    def _chosen(self, raw_positions: Tensor, valid: Tensor, counts: Tensor | None) -> Tensor:
        marked = (raw_positions >= 0) & valid
        if counts is None:
            return marked
        return top_positions(raw_positions, counts, valid if self.settings.selection == "top" else marked)


def _quantised(scores: Tensor, hard: Tensor, quantisation: Quantisation) -> Tensor:
    if quantisation == "straight_through":
        return hard + scores - scores.detach()
    if quantisation == "pass":
        return hard if torch.rand(()) < 0.5 else scores
    if quantisation == "element":
        return torch.where(torch.rand_like(scores) < 0.5, hard, scores)
    raise StaanetError(f"expected quantisation element, pass or straight_through, got {quantisation!r}")
