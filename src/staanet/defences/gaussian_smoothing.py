"""Gaussian smoothing: a model votes on noisy copies of a clip, which certifies an L2 radius."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from scipy.stats import norm as normal
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.core.waveforms import valid_samples
from staanet.defences.base import RandomisedSmoothing
from staanet.models import Model

LEVEL = 0.1
"""Root mean square, in full scale, to which a clip is scaled if the unit is `rms`: that of speech at -20 dB."""

Unit = Literal["rms", "full_scale"]


@dataclass(frozen=True)
class GaussianSmoothing(RandomisedSmoothing):
    """Votes on copies of a clip with white Gaussian noise, and training on such copies.

    Source: J. Cohen, E. Rosenfeld, J. Z. Kolter, ICML 2019, theorem 1. If the decided class has a probability of at
    least p and every other one of at most q, no change of the voters' clip below sigma (F(p) - F(q)) / 2 in L2 changes
    the decision, with the inverse normal distribution function F.

    The gain of a clip is part of the proof. In the unit `full_scale`, noise is added to the file as it is. In the unit
    `rms`, the clip is first divided by its root mean square, so that quiet and loud clips get the same energy SNR. A
    change of the file then also changes the gain: a relative change s of a clip, in L2, turns its direction by at most
    arcsin(s), and moves the scaled clip by at most 2 sin(arcsin(s) / 2) times its norm. The radius of the scaled
    clip r, as a share of its norm, therefore certifies s = sin(2 arcsin(r / 2)) of the file.

    Args:
        sigma: Standard deviation of the noise in this unit, above 0.
        unit: What sigma is a share of: the `rms` of each clip, or `full_scale`.

    >>> clip = torch.tensor([0.3, -0.4])
    >>> round(GaussianSmoothing(sigma=0.1, unit="full_scale").radius(0.9, 0.1, clip), 5)
    0.12816
    """

    name = "gaussian_smoothing"
    reference = "arXiv 1902.02918"
    norm = "l2"

    sigma: float = 0.1
    unit: Unit = "rms"

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not 0 < self.sigma < math.inf:
            raise StaanetError(f"expected a sigma above 0, got {self.sigma}")

    @property
    def least_share(self) -> float:
        """Share of the votes above which a class is certified: one half."""
        return 0.5

    def certified_object(self) -> str:
        """Return which input the certificate is about and what the voters receive, in a sentence."""
        if self.unit == "full_scale":
            return (
                f"The samples of the file; voters receive them with Gaussian noise of {self.sigma:g} of full scale, "
                "and repeat, cut and normalise what they receive."
            )
        return (
            f"The samples of the file, with their gain; voters receive the clip divided by its root mean square, with "
            f"Gaussian noise of {self.sigma:g} of it, and repeat, cut and normalise what they receive. The radius "
            "allows for what a change does to the gain."
        )

    def draw(self, clip: Tensor, count: int, random: torch.Generator) -> Tensor:
        """Return noisy copies `[count, T]` of a clip `[T]`."""
        noise = torch.randn(count, len(clip), generator=random).to(clip)
        return self._scaled(clip[None], clip.new_tensor([len(clip)])) + self._deviation * noise

    def radius(self, lower: float, upper: float, clip: Tensor) -> float:
        """Return the certified L2 radius of a clip `[T]` in full scale."""
        own = self.sigma * float(normal.ppf(lower) - normal.ppf(upper)) / 2
        if self.unit == "full_scale":
            return own
        length = float(torch.linalg.vector_norm(clip.double()))
        share = min(own / math.sqrt(len(clip)), math.sqrt(2))  # beyond this, any change below the norm is certified
        return math.sin(2 * math.asin(share / 2)) * length

    def vote(self, model: Model, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B, K]` of clips `[B, T]` with noise."""
        noisy = self._scaled(waveforms, lengths) + self._deviation * torch.randn(waveforms.shape).to(waveforms)
        noisy = torch.where(valid_samples(lengths, waveforms.shape[1]), noisy, 0)
        return model.forward_fitted(noisy, lengths)

    @property
    def _deviation(self) -> float:
        return self.sigma if self.unit == "full_scale" else self.sigma * LEVEL

    def _scaled(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the clips `[B, T]` at the gain at which noise is added; silence stays silent."""
        if self.unit == "full_scale":
            return waveforms
        power = waveforms.square().sum(1, keepdim=True) / lengths[:, None]
        return waveforms * (LEVEL / power.sqrt().clamp_min(torch.finfo(power.dtype).tiny))
