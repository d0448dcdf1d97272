"""Noise: white Gaussian noise is added to clips."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.defences.base import InputDefence


@dataclass(frozen=True)
class NoiseDefence(InputDefence):
    """White Gaussian noise at a fixed signal-to-noise ratio; the same clip always gets the same noise.

    Noise on the input is part of the defence of X. Liu et al. (ECCV 2018).

    Args:
        snr_db: Ratio of each clip's power to the noise power in dB, in [-100, 100].

    >>> clip = torch.full((1, 50_000), 0.5)
    >>> noise = NoiseDefence(snr_db=20.0)(clip, torch.tensor([50_000]), 16_000) - clip
    >>> round(float(noise.square().mean().sqrt()), 3)
    0.05
    """

    name = "noise"
    reference = "arXiv 1712.00673"
    gradient = "expectation"

    snr_db: float = 20.0

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not -100 <= self.snr_db <= 100:
            raise StaanetError(f"expected snr_db in [-100, 100], got {self.snr_db}")

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:  # noqa: ARG002
        """Return the waveforms `[B, T]` with added noise."""
        return self._noisy(waveforms, lengths, seed=0)

    def redrawn(self, waveforms: Tensor, lengths: Tensor, sample_rate: int, seed: int) -> Tensor:  # noqa: ARG002
        """Return the waveforms `[B, T]` with the noise of another seed."""
        return self._noisy(waveforms, lengths, seed)

    def _noisy(self, waveforms: Tensor, lengths: Tensor, seed: int) -> Tensor:
        clips = waveforms.detach()
        power = clips.square().sum(1, keepdim=True) / lengths[:, None]
        return waveforms + ClipRandom(seed, clips, lengths).normal() * torch.sqrt(power * 10 ** (-self.snr_db / 10))
