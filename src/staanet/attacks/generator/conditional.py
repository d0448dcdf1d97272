"""Generators that are told the budget, so that one training serves every budget, and one that is told a gradient."""

import abc
from dataclasses import dataclass, field
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor, nn

from staanet.attacks.generator.base import NO_GOAL, Given
from staanet.attacks.generator.budgets import BudgetRange
from staanet.attacks.generator.compact import Compact, CompactSettings, Stem, in_frames
from staanet.core.errors import StaanetError
from staanet.core.signature import LATER
from staanet.core.waveforms import valid_samples

HIDDEN = 32
"""Number of hidden units between the condition and the factors of the gains."""

SMALL = 0.1
"""Size of a small gradient, if their mean square is 1."""


@dataclass(frozen=True)
class ConditionalSettings(CompactSettings):
    """Sizes of the network, four times as wide as those of `compact`, and the budgets that it is trained for.

    Args:
        budgets: Ranges of the budgets; the network acts for any other one as for the nearest of these.
        classes: Number of classes of the source, any of which clips can then be moved towards (`targeted`); 0 trains
            the network to move them away from their class only.
    """

    widths: tuple[int, ...] = (64, 128, 256)
    detail: int = 16
    budgets: BudgetRange = field(default_factory=BudgetRange)
    classes: int = field(default=0, metadata=LATER)

    def __post_init__(self) -> None:
        """Validate the sizes."""
        super().__post_init__()
        if self.classes < 0 or self.classes == 1:
            raise StaanetError(f"expected classes of 2 or more, or 0 for a network without goals, got {self.classes}")


@dataclass(frozen=True)
class ConditionalSmallSettings(ConditionalSettings):
    """Sizes of a network that is faster than `compact`, with the same channels on frames twice as long."""

    frame: int = 32
    widths: tuple[int, ...] = (32, 64, 128)
    detail: int = 4


class Conditional(Compact):
    """A wide `compact` that is told epsilon and the sparsity, so that one training serves every budget.

    The generator of arXiv 2402.01227 is trained for one budget. Here epsilon and the sparsity multiply the gains of the
    normalisation in the two decoders: conditional normalisation, the scale of E. Perez et al., "FiLM: Visual Reasoning
    with a General Conditioning Layer", arXiv 1709.07871, without its shift, which would not vanish in the padding. The
    factors are 1 before training, so that the network starts as one without a condition. Epsilon is given relative to
    the loudness of the clip, because the network sees the clip at a loudness of 1.

    With `classes`, the goal of each clip is part of the condition: one vector per class, and one for any class but that
    of the clip. One training then serves every goal too.

    >>> generator = Conditional(ConditionalSettings(frame=4, widths=(8, 16), detail=2)).eval()
    >>> clip, lengths = torch.zeros(1, 1000), torch.tensor([1000])
    >>> [int(generator(clip, 0.1, lengths, torch.tensor([count])).positions.sum()) for count in (5, 120)]
    [5, 120]
    """

    name = "conditional"
    Settings = ConditionalSettings
    preset = "conditional"
    settings: ConditionalSettings

    def __init__(self, settings: ConditionalSettings) -> None:
        super().__init__(settings)
        self.budgets = settings.budgets
        self.channels = [settings.widths[-1], *reversed(settings.widths[:-1])]
        last = nn.Linear(HIDDEN, 2 * sum(self.channels))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.condition = nn.Sequential(nn.Linear(2, HIDDEN), nn.LeakyReLU(0.1), last)
        self.classes = settings.classes
        if self.classes:
            self.goals = nn.Embedding(self.classes + 1, HIDDEN)

    def conditioned_outputs(self, waveforms: Tensor, lengths: Tensor, given: Given) -> tuple[Tensor, Tensor]:
        """Return the raw magnitudes and positions of padded clips, each `[B, T]`."""
        size, masks = waveforms.shape[1], self._masks(lengths, waveforms.shape[1])
        signals = self._signals(waveforms, lengths, given)
        x, skips = self._encoded(self._stems(signals, masks[0]), masks)
        frames = torch.cat([in_frames(signal, self.settings.frame) for signal in signals], dim=1)
        magnitudes, positions = (
            path(x, skips, masks, frames, factors)
            for path, factors in zip(
                (self.magnitudes, self.positions), self._factors(waveforms, lengths, given), strict=True
            )
        )
        return magnitudes[:, :size], positions[:, :size]

    def _signals(self, waveforms: Tensor, lengths: Tensor, _: Given) -> list[Tensor]:
        """Return the signals that the network sees, each `[B, T']`."""
        return [self._scaled(waveforms, lengths)]

    def _stems(self, signals: list[Tensor], mask: Tensor) -> Tensor:
        """Return the features of the finest level, `[B, C, 1, F]`."""
        return cast(Tensor, self.stem(signals[0], mask))

    def _factors(self, waveforms: Tensor, lengths: Tensor, given: Given) -> tuple[list[Tensor], list[Tensor]]:
        """Return the factors of the gains of the blocks of each decoder, `[B, C, 1, 1]` each."""
        epsilon, shares = self.settings.budgets.within(given.epsilon, given.counts, waveforms, lengths)
        loudness = (waveforms.square().sum(1, keepdim=True) / lengths[:, None]).sqrt()
        level = 2 * (epsilon.clamp_min(1e-10) / loudness.clamp_min(1e-10)).log10()  # 0 at 0 dB, in units of 10 dB
        condition = torch.cat([level.clamp(-4, 4), (shares / 0.03).log()], dim=1)  # [B, 2]
        linear, activation, last = self.condition
        hidden = linear(condition)
        if self.classes:
            goals = torch.full_like(given.counts, NO_GOAL) if given.goals is None else given.goals
            hidden = hidden + self.goals(goals - NO_GOAL)
        factors = (1 + last(activation(hidden)))[:, :, None, None]
        ends = list(accumulate([*self.channels, *self.channels]))
        pieces = [
            factors[:, end - width : end] for end, width in zip(ends, [*self.channels, *self.channels], strict=True)
        ]
        return pieces[: len(self.channels)], pieces[len(self.channels) :]


class ConditionalSmall(Conditional):
    """A `conditional` generator with frames of 32 samples and few channels, which is faster than `compact`.

    Like all generators, it follows arXiv 2402.01227.
    """

    name = "conditional_small"
    Settings = ConditionalSmallSettings


class Guided(Conditional):
    """Base class of `conditional` generators that also see a guide, such as a gradient: where, and in which direction.

    The guide is scaled to a mean square of 1 and enters through a stem of its own. Beside the waveform, the last
    convolution takes the guide, its sign, which is softened near 0, and the logarithm of its size. Before training, the
    network is close to one step of `sparse_pgd`: it follows the sign where the guide is largest.
    """

    inputs = 4

    def __init__(self, settings: ConditionalSettings) -> None:
        super().__init__(settings)
        self.gradient_stem = Stem(settings.widths[0], settings.frame)
        for decoder, signal, weight in ((self.magnitudes, -2, 2.0), (self.positions, -1, 1.0)):
            kernel = decoder.output.weight.detach()[0]  # [detail + inputs, taps]
            kernel *= 0.1
            kernel[signal, kernel.shape[1] // 2] = weight

    @abc.abstractmethod
    def _guide(self, waveforms: Tensor, lengths: Tensor, given: Given) -> Tensor:
        """Return the guide of each clip, `[B, T]`."""

    def _signals(self, waveforms: Tensor, lengths: Tensor, given: Given) -> list[Tensor]:
        """Return the waveforms, the guides, their signs and the logarithms of their sizes, each `[B, T']`."""
        guides = self._scaled(within_one(self._guide(waveforms, lengths, given), lengths), lengths)
        sizes = guides.abs()
        return [self._scaled(waveforms, lengths), guides, guides / (sizes + SMALL), (sizes / SMALL).log1p()]

    def _stems(self, signals: list[Tensor], mask: Tensor) -> Tensor:
        """Return the features of the finest level, `[B, C, 1, F]`."""
        waveforms, guides, *_ = signals
        return cast(Tensor, self.stem(waveforms, mask) + self.gradient_stem(guides, mask))


def within_one(x: Tensor, lengths: Tensor) -> Tensor:
    """Return signals `[B, T]` of any scale with a largest size of 1 within their lengths, and zero beyond.

    >>> within_one(torch.tensor([[1e-30, -2e-30, 5.0]]), torch.tensor([2]))
    tensor([[ 0.5000, -1.0000,  0.0000]])
    """
    x = torch.where(valid_samples(lengths, x.shape[1]), x, 0)
    return x / x.detach().abs().amax(1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)


class GradientConditional(Guided):
    """A `conditional` generator that is guided by the gradient of its source model at the clean clip.

    The generator of arXiv 2402.01227 sees the clip only. The gradient is that of the source's margin with respect to
    the samples. The attack `one_gradient` provides it.
    """

    name = "gradient_conditional"
    uses_gradients = True

    def _guide(self, _waveforms: Tensor, _lengths: Tensor, given: Given) -> Tensor:
        """Return the gradients of the source model, `[B, T]`."""
        assert given.gradients is not None  # noqa: S101
        return given.gradients
