"""The contract of generators: they map waveforms to magnitudes times 0-1 positions."""

import abc
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from staanet.attacks.generator.budgets import BudgetRange
from staanet.core.errors import StaanetError
from staanet.core.waveforms import check_waveforms, kth_largest, top_positions, valid_samples

Quantisation = Literal["element", "pass", "straight_through"]
"""How training quantises the positions to 0 or 1, a step that has no gradient:

- `element`: each position is quantised with probability 0.5 (the paper's code);
- `pass`: one draw per forward pass quantises all positions or none (an interpretation of the paper's text);
- `straight_through`: all are quantised, and the gradient passes as if they were not.
"""

LEAK = 0.1
"""Fraction of the gradient that `straight_through` passes to magnitudes where the position is 0. With 0, a position
whose magnitude has the wrong sign may never become 1; with 1, the positions that are 1 learn little."""


CERTAIN = 20.0
"""A raw position large enough that its score is 1."""


NO_GOAL = -1
"""The goal of a clip that may be taken for any class but its own."""


class Given(NamedTuple):
    """What a generator is told besides the clips; one that does not use it ignores it."""

    epsilon: Tensor
    """Largest change of a sample of each clip in full scale, `[B, 1]`."""
    counts: Tensor
    """Number of positions of each clip that may be 1, `[B]`."""
    gradients: Tensor | None = None
    """Gradients of the source model at the clips, `[B, T]`, for a generator that uses them."""
    goals: Tensor | None = None
    """Class that each clip should be taken for, `[B]`, or `NO_GOAL`, for a generator that knows classes."""


class SparsePerturbation(NamedTuple):
    """The output of a generator; all tensors are `[B, T]`."""

    adversarial: Tensor
    """Waveforms plus magnitudes times positions, clamped to full scale."""
    magnitudes: Tensor
    """Signed changes (v in the paper), at most epsilon in absolute value."""
    positions: Tensor
    """Positions (m in the paper), 0 or 1; in training also values in between."""
    scores: Tensor
    """Positions before quantisation, in [0, 1]."""

    @property
    def factorised(self) -> bool:
        """Whether the generator chooses positions. If not, the sparsity loss is that of the magnitudes."""
        return True


class DensePerturbation(SparsePerturbation):
    """The output of a generator that chooses no positions: all of them are 1."""

    @property
    def factorised(self) -> bool:
        """Whether the generator chooses positions: False."""
        return False


@dataclass(frozen=True)
class GeneratorSettings:
    """Settings that all generators share.

    Args:
        bound: Function that keeps magnitudes within epsilon: `tanh` (the paper's code) or `clip` (its text).
        sparsity: Share of the samples of a clip with position 1, in (0, 1]; those with the highest scores are chosen,
            and a budget may set another share. Or `learned`, as in the paper: the network decides how many positions
            are 1, of which a budget keeps those with the highest scores.
    """

    bound: Literal["tanh", "clip"] = "tanh"
    sparsity: float | Literal["learned"] = "learned"

    def __post_init__(self) -> None:
        """Check that sparsity is in (0, 1]."""
        if self.sparsity != "learned" and not 0 < self.sparsity <= 1:
            raise StaanetError(f"expected sparsity in (0, 1], got {self.sparsity}; it is a share, not a percentage")


def check_no_sparsity(name: str, settings: GeneratorSettings) -> None:
    """Refuse a sparsity in the settings of a generator that chooses no positions."""
    if settings.sparsity != "learned":
        raise StaanetError(f"{name}: expected no sparsity, since it chooses no positions, got {settings.sparsity}")


class Generator(nn.Module, abc.ABC):
    """Base class of networks with two outputs per sample, one for the magnitudes and one for the positions.

    Source: arXiv 2402.01227, equations 1 and 2 and section 3.2.3. A subclass implements `outputs`.
    """

    name: ClassVar[str]
    """Registry name."""
    stride: int
    """Number of samples per step of the coarsest level, the period at which the network may favour positions."""
    settings: Any
    Output: ClassVar[type[SparsePerturbation]] = SparsePerturbation
    Settings: ClassVar[type[GeneratorSettings]] = GeneratorSettings
    default: ClassVar[bool] = False
    """Whether this is the generator that the library recommends; it is so of one."""
    uses_gradients: ClassVar[bool] = False
    """Whether the network needs the gradients of the source model at the clips, for the attack `one_gradient`."""
    preset: ClassVar[str] = "default"
    """Preset of `training.generator.GENERATOR_PRESETS` by which the network is trained if none is named."""
    classes: int = 0
    """Number of classes of the source, one of which a clip can be moved towards; 0 for a network without goals."""
    budgets: BudgetRange | None = None
    """Budgets for which one training suffices; None for a network that is trained for one budget."""

    def begin(self, source: nn.Module) -> None:
        """Take from the source model what the network holds of it, before it is trained; most take nothing."""

    @abc.abstractmethod
    def outputs(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw, unbounded magnitudes and positions of padded clips, each `[B, T]`."""

    def conditioned_outputs(self, waveforms: Tensor, lengths: Tensor, given: Given) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Return the raw outputs as `outputs` does. A network that uses what is given replaces this."""
        return self.outputs(waveforms, lengths)

    def forward(
        self,
        waveforms: Tensor,
        epsilon: float | Tensor,
        lengths: Tensor | None = None,
        counts: Tensor | None = None,
        quantisation: Quantisation = "element",
        gradients: Tensor | None = None,
        goals: Tensor | None = None,
    ) -> SparsePerturbation:
        """Return the perturbation of waveforms `[B, T]`; in evaluation mode the positions are always 0 or 1.

        Args:
            waveforms: Clean clips, `[B, T]` in [-1, 1].
            epsilon: Largest change of a sample in full scale, one number or `[B, 1]`.
            lengths: Number of valid samples of each clip, `[B]`. Default: T for all.
            counts: Largest number of positions that are 1, `[B]`. Default: the number that the settings or the scores
                give.
            quantisation: How training quantises the positions.
            gradients: Gradients of the source model at the clips, `[B, T]`, which only a network that
                `uses_gradients` needs.
            goals: Class that each clip should be taken for, `[B]`, or `NO_GOAL`, for a network that knows classes.
                Default: no goals.

        Raises:
            StaanetError: The waveforms or lengths are not valid, or gradients are missing.
        """
        return self.perturbation(
            waveforms, epsilon, check_waveforms(waveforms, lengths), counts, quantisation, gradients, goals
        )

    def perturbation(
        self,
        waveforms: Tensor,
        epsilon: float | Tensor,
        lengths: Tensor,
        counts: Tensor | None = None,
        quantisation: Quantisation = "element",
        gradients: Tensor | None = None,
        goals: Tensor | None = None,
    ) -> SparsePerturbation:
        """Return what `forward` returns for clips that were checked already."""
        if self.uses_gradients and gradients is None:
            raise StaanetError(f"expected gradients for {self.name}, got none; use it with the attack one_gradient")
        valid = valid_samples(lengths, waveforms.shape[1])
        sizes = torch.as_tensor(epsilon, dtype=waveforms.dtype, device=waveforms.device).expand(len(waveforms), 1)
        given = Given(sizes, self._counts(lengths) if counts is None else counts, gradients, goals)
        raw_magnitudes, raw_positions = self.conditioned_outputs(waveforms, lengths, given)
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

    def unpadded_outputs(self, waveforms: Tensor, given: Given) -> tuple[Tensor, Tensor]:
        """Return the raw magnitudes and positions of clips without padding, each `[B, T]`."""
        lengths = torch.full_like(waveforms[:, 0], waveforms.shape[1], dtype=torch.int64)
        return self.conditioned_outputs(waveforms, lengths, given)

    def bounded(self, raw_magnitudes: Tensor, epsilon: float | Tensor) -> Tensor:
        """Return magnitudes `[B, T]` bounded by epsilon, which is one number or `[B, 1]`."""
        if self.settings.bound == "tanh":
            return epsilon * raw_magnitudes.tanh()
        epsilon = torch.as_tensor(epsilon, dtype=raw_magnitudes.dtype, device=raw_magnitudes.device)
        return raw_magnitudes.clamp(-epsilon, epsilon)

    def _counts(self, lengths: Tensor) -> Tensor:
        """Return the number of positions that the settings allow, `[B]`: all if the network decides on it."""
        if self.settings.sparsity == "learned":
            return lengths
        share: float = self.settings.sparsity
        return (share * lengths).long().clamp_min(1)

    def _relative(self, raw_positions: Tensor, lengths: Tensor, valid: Tensor, counts: Tensor | None) -> Tensor:
        """Return raw positions `[B, T]` shifted so that those of 0 or more become 1."""
        if self.settings.sparsity == "learned":
            return raw_positions
        counts = self._counts(lengths) if counts is None else counts
        mean = (raw_positions * valid).sum(1, keepdim=True) / lengths[:, None]
        deviations = (raw_positions - mean) * valid
        standardised = deviations / (deviations.square().sum(1, keepdim=True) / lengths[:, None] + 1e-6).sqrt()
        most = torch.minimum(counts.clamp_min(1), lengths)
        return standardised - kth_largest(standardised.detach(), most, lengths)


def _quantised(scores: Tensor, hard: Tensor, quantisation: Quantisation) -> Tensor:
    if quantisation == "pass":
        return hard if torch.rand(()) < 0.5 else scores
    if quantisation == "element":
        return torch.where(torch.rand_like(scores) < 0.5, hard, scores)
    raise StaanetError(f"expected quantisation element, pass or straight_through, got {quantisation!r}")
