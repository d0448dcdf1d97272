"""Wrong recording levels: clipped, too loud, too quiet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from staanet.audio.corruptions.base import Corruption, Samples

STEPS = 2**15
"""Steps of 16-bit audio from 0 to full scale."""


@dataclass(frozen=True)
class Clipping(Corruption):
    """An overloaded input: a share of the samples is cut off at the magnitude that the others do not exceed.

    Samples that are 0 do not count. The level of all other samples stays. Robuser clips up to 20, 40 and 60 %.

    >>> Clipping(severity=5)(np.linspace(0, 1, 11, dtype=np.float32), 16_000).max().round(2)
    np.float32(0.64)
    """

    name = "clipping"
    reference = "Robuser"
    levels = (1, 5, 10, 20, 40)
    unit = "% of samples"

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG002
        """Return the clipped clip `[T]`."""
        active = np.abs(samples[samples != 0])
        limit = np.quantile(active, 1 - self.level / 100) if len(active) else 0.0
        return samples.clip(-limit, limit)


@dataclass(frozen=True)
class GainUp(Corruption):
    """A recording level that is too high: the clip is amplified and cut off at full scale.

    Speech Robust Bench uses 10, 20, 30 and 40 dB.

    >>> GainUp(severity=1)(np.float32([0.1, -0.9]), 16_000).round(2)
    array([ 0.2, -1. ], dtype=float32)
    """

    name = "gain_up"
    reference = "arXiv 2403.07937"
    levels = (6, 10, 20, 30, 40)
    unit = "dB"

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG002
        """Return the amplified clip `[T]`."""
        return samples * 10 ** (self.level / 20)


@dataclass(frozen=True)
class GainDown(Corruption):
    """A recording level that is too low: the clip is attenuated and rounded to 16 bits.

    Robuser attenuates by up to 40 dB.

    >>> GainDown(severity=2)(np.float32([0.1, -0.9]), 16_000).round(3)
    array([ 0.01, -0.09], dtype=float32)
    """

    name = "gain_down"
    reference = "Robuser"
    levels = (10, 20, 30, 40, 50)
    unit = "dB"

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG002
        """Return the attenuated clip `[T]`."""
        return np.round(samples * 10 ** (-self.level / 20) * STEPS) / STEPS
