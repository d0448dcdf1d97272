"""The contract of generators: waveforms in, magnitudes times 0-1 positions out."""

import abc
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.core.waveforms import check_waveforms, top_positions, valid_samples

Quantisation = Literal["element", "pass", "straight_through"]
"""What training makes of the positions, which are 0 or 1 and have no gradient:

- `element`: each sample is quantised with probability 0.5 (the paper's code);
- `pass`: one draw quantises all or none (a reading of the paper's text);
- `straight_through`: all are quantised, and the gradient passes as if they were not.
"""

LEAK = 0.1
"""Share of the gradient that `straight_through` gives to magnitudes where the position is 0: with none, a position
whose magnitude points the wrong way may never become 1; with all of it, the positions that are 1 learn little."""


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

    @property
    def factorised(self) -> bool:
        """Whether the generator chose positions at all; if not, the sparsity loss is that of the magnitudes."""
        return True


class DensePerturbation(SparsePerturbation):
    """The output of a generator without positions: all are 1."""

    @property
    def factorised(self) -> bool:
        """Whether the generator chose positions at all: it did not."""
        return False


@dataclass(frozen=True)
class GeneratorSettings:
    """What every generator lets one choose.

    Args:
        bound: how magnitudes stay within epsilon: `tanh` (the paper's code) or `clip` (its text).
        sparsity: the share of each clip's positions that is 1, the highest first, unless a budget asks for another; or
            `learned`: the network decides how many (the paper), of which a budget keeps the highest.
    """

    bound: Literal["tanh", "clip"] = "tanh"
    sparsity: float | Literal["learned"] = "learned"

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if self.sparsity != "learned" and not 0 < self.sparsity <= 1:
            raise StaanetError(f"expected sparsity in (0, 1], got {self.sparsity}; it is a share, not a percentage")


class Generator(nn.Module, abc.ABC):
    """A network with two outputs per sample, from which the magnitudes and the positions are made.

    Source: arXiv 2402.01227, equations 1 and 2 and section 3.2.3. A subclass writes `outputs`.
    """

    name: ClassVar[str]
    stride: int
    """Samples between two steps of the coarsest level: the period that a comb of positions would have."""
    settings: Any
    Output: ClassVar[type[SparsePerturbation]] = SparsePerturbation
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
        magnitudes = self.bounded(raw_magnitudes, epsilon) * valid
        raw_positions = self._relative(raw_positions, lengths, valid, counts)
        scores = (raw_positions.tanh() + 1) / 2 * valid
        marked = (raw_positions.detach() >= 0) & valid
        hard = (marked if counts is None else top_positions(raw_positions.detach(), counts, marked)).to(scores.dtype)
        if self.training and quantisation == "straight_through":
            positions = hard
            surrogate = magnitudes * (hard + LEAK * (1 - hard)) + magnitudes.detach() * scores
            perturbations = surrogate + (magnitudes * hard - surrogate).detach()
        else:
            positions = _quantised(scores, hard, quantisation) if self.training else hard
            perturbations = magnitudes * positions
        adversarial = (waveforms + perturbations).clamp(-1, 1)
        return self.Output(adversarial, magnitudes, positions, scores)

    def atomic_write(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw outputs, each `[B, T]`, of clips that are all as long as T."""
        return self.outputs(waveforms, torch.full_like(waveforms[:, 0], waveforms.shape[1], dtype=torch.int64))

    def bounded(self, raw_magnitudes: Tensor, epsilon: float | Tensor) -> Tensor:
        """Return magnitudes `[B, T]` of at most epsilon, one number or `[B, 1]`."""
        if self.settings.bound == "tanh":
            return epsilon * raw_magnitudes.tanh()
        epsilon = torch.as_tensor(epsilon, dtype=raw_magnitudes.dtype, device=raw_magnitudes.device)
        return raw_magnitudes.clamp(-epsilon, epsilon)

    def _relative(self, raw_positions: Tensor, lengths: Tensor, valid: Tensor, counts: Tensor | None) -> Tensor:
        """Return raw positions `[B, T]` of which those above 0 are to be 1."""
        if self.settings.sparsity == "learned":
            return raw_positions
        if counts is None:
            counts = (self.settings.sparsity * lengths).long().clamp_min(1)
        mean = (raw_positions * valid).sum(1, keepdim=True) / lengths[:, None]
        deviations = (raw_positions - mean) * valid
        standardised = deviations / (deviations.square().sum(1, keepdim=True) / lengths[:, None] + 1e-6).sqrt()
        cuts = [  # found without sorting what lies above
            row[:length].kthvalue(max(1, length - count + 1)).values
            for row, length, count in zip(standardised.detach(), lengths.tolist(), counts.tolist(), strict=True)
        ]
        return standardised - torch.stack(cuts)[:, None]


def _quantised(scores: Tensor, hard: Tensor, quantisation: Quantisation) -> Tensor:
    if quantisation == "pass":
        return hard if torch.rand(()) < 0.5 else scores
    if quantisation == "element":
        return torch.where(torch.rand_like(scores) < 0.5, hard, scores)
    raise StaanetError(f"expected quantisation element, pass or straight_through, got {quantisation!r}")
