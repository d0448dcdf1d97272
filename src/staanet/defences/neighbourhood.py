"""How far each sample of a clip lies from its neighbours, by which clicks are found."""

from dataclasses import dataclass

from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.defences.median import check_width, windows


@dataclass(frozen=True)
class Neighbourhood:
    """The distance of each sample from the median of its window, and the median distance of the window.

    Source: S. V. Vaseghi, Advanced Digital Signal Processing and Noise Reduction, 4th ed., 2008, chapter 13: detection
    by a threshold on a robust scale.

    Args:
        width: Samples of a window; odd, 3 or more.
        threshold: Number of median distances from which on a sample is a click, above 0.
    """

    width: int = 7
    threshold: float = 5.0

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_width(self.width)
        if not 0 < self.threshold < float("inf"):
            raise StaanetError(f"expected a threshold above 0, got {self.threshold}")

    def distances(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distance of each sample of `[B, T]` from its median and the median distance, each `[B, T]`."""
        around = windows(waveforms, self.width)
        median = around.median(2, keepdim=True).values
        scale = (around - median).abs().median(2).values
        return (waveforms - median[:, :, 0]).abs(), scale
