"""Resampling: clips are brought to a lower sampling rate and back."""

from dataclasses import dataclass

from torch import Tensor

from staanet.audio.front_ends.resample import Resample
from staanet.core.errors import StaanetError
from staanet.defences.base import PerClip


@dataclass(frozen=True)
class Resampling(PerClip):
    """Resampling to a lower rate and back to that of the model, with a polyphase filter.

    Down-sampling is a defence of Z. Yang et al. for speech recognition (ICLR 2019). It is linear and has an exact
    gradient. Unlike `band_limit`, it has the filter of a converter.

    Args:
        rate: Sampling rate in Hz in between; 1000 or more and below that of the model.

    >>> Resampling().rate
    12000
    """

    name = "resampling"
    reference = "arXiv 1809.10875"

    rate: int = 12_000

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.rate < 1000:
            raise StaanetError(f"expected a rate of 1000 Hz or more, got {self.rate}")

    def transform_clip(self, clip: Tensor, sample_rate: int) -> Tensor:
        """Return the resampled clip `[T]`."""
        if self.rate >= sample_rate:
            raise StaanetError(f"expected a rate below the model's {sample_rate} Hz, got {self.rate}; lower it")
        between = Resample(orig_sr=sample_rate, target_sr=self.rate).to(clip.device)(clip[None])
        back: Tensor = Resample(orig_sr=self.rate, target_sr=sample_rate).to(clip.device)(between)
        return back[0, : len(clip)]
