"""Noise is added to what a model hears."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.defences.base import InputDefence


@dataclass(frozen=True)
class NoiseDefence(InputDefence):
    """White Gaussian noise, as far below each clip's power as the SNR says; the same clip always hears the same noise.

    Source: input noise as X. Liu et al. (ECCV 2018) put it before a network.

    Args:
        snr_db: of each clip to its noise, in dB.

    >>> clip = torch.full((1, 50_000), 0.5)
    >>> noise = NoiseDefence(snr_db=20.0)(clip, torch.tensor([50_000]), 16_000) - clip
    >>> round(float(noise.square().mean().sqrt()), 3)
    0.05
    """

    name = "noise"
    reference = "arXiv 1712.00673"

    snr_db: float = 20.0

    def __post_init__(self) -> None:
        """Refuse what is no level."""
        if not -100 <= self.snr_db <= 100:
            raise StaanetError(f"expected snr_db in [-100, 100], got {self.snr_db}")

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:  # noqa: ARG002
        """Return the waveforms `[B, T]` with noise."""
        clips = waveforms.detach()
        power = clips.square().sum(1, keepdim=True) / lengths[:, None]
        return waveforms + ClipRandom(0, clips, lengths).normal() * torch.sqrt(power * 10 ** (-self.snr_db / 10))
