"""Spectral gating: what is no louder than the noise floor of a recording is attenuated."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.defences.base import PerClip

FRAME = 512
"""Samples of a frame; the hop is a quarter of it."""


@dataclass(frozen=True)
class SpectralGating(PerClip):
    """Attenuation of the cells of a spectrogram that lie near the noise floor of their frequency.

    Source: T. Sainburg et al., PLoS Computational Biology 2020, whose noise reduction estimates the floor from the
    recording. Here it is a quantile over the frames of the clip. Whether a cell passes is a step without a gradient;
    the gradient is that of the cells that pass, with fixed gains, and exists almost everywhere.

    Args:
        floor: Quantile of the magnitudes of a frequency that is its noise floor, in (0, 1).
        above_db: A cell passes if it lies above the floor by so many dB, 0 or more.
        reduction_db: Attenuation of the other cells in dB, above 0.

    >>> SpectralGating().reduction_db
    12.0
    """

    name = "spectral_gating"
    reference = "Sainburg 2020"

    floor: float = 0.2
    above_db: float = 6.0
    reduction_db: float = 12.0

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not 0 < self.floor < 1:
            raise StaanetError(f"expected floor as a quantile in (0, 1), got {self.floor}")
        if not (0 <= self.above_db < float("inf") and 0 < self.reduction_db < float("inf")):
            raise StaanetError(
                f"expected above_db of 0 or more and reduction_db above 0, got {self.above_db} and {self.reduction_db}"
            )

    def transform_clip(self, clip: Tensor, sample_rate: int) -> Tensor:  # noqa: ARG002
        """Return the gated clip `[T]`."""
        window = torch.hann_window(FRAME).to(clip)
        cells = torch.stft(clip, FRAME, FRAME // 4, window=window, pad_mode="constant", return_complex=True)
        sizes = cells.detach().abs()
        floors = torch.quantile(sizes, self.floor, dim=1, keepdim=True)
        passes = sizes > floors * 10 ** (self.above_db / 20)
        gains = torch.where(passes, 1.0, 10 ** (-self.reduction_db / 20))
        return torch.istft(cells * gains, FRAME, FRAME // 4, window=window, length=len(clip))
