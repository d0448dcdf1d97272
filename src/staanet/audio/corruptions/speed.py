"""Wrong speed: clips are played too fast or too slowly, so that pitch and formants shift as well."""

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from staanet.audio.corruptions.base import Corruption, Samples


@dataclass(frozen=True)
class SpeedUp(Corruption):
    """Clips that are played too fast, which makes them shorter.

    The model repeats or cuts the corrupted clip as it does any other. Speech Robust Bench uses factors of 1.25 to 2.

    >>> len(SpeedUp(severity=5)(np.zeros(1000, dtype=np.float32), 16_000))
    500
    """

    name = "speed_up"
    reference = "arXiv 2403.07937"
    levels = (1.1, 1.25, 1.5, 1.75, 2.0)
    unit = "times the speed"
    keeps_length = False

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG002
        """Return the clip at another speed, `[round(T / factor)]`, of at least one sample."""
        size = max(1, round(len(samples) / self.level))
        padded = np.pad(samples, (0, sample_rate // 50))  # 20 ms, so that the resampler does not cut the end
        return np.asarray(soxr.resample(padded, self.level, 1, quality="VHQ")[:size])


@dataclass(frozen=True)
class SlowDown(SpeedUp):
    """Clips that are played too slowly, which makes them longer.

    The model repeats or cuts the corrupted clip as it does any other. Speech Robust Bench uses factors of 0.875 to 0.5.

    >>> len(SlowDown(severity=5)(np.zeros(1000, dtype=np.float32), 16_000))
    2000
    """

    name = "slow_down"
    levels = (0.9, 0.8, 0.7, 0.6, 0.5)
