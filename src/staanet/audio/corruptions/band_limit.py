"""Limited bandwidth: frequencies outside of a band are lost."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from staanet.audio.corruptions.base import Corruption, Samples

CENTRE = 300 * 3400
"""Product of both edges of the band in Hz^2; that of the telephone band, 300 to 3400 Hz (ITU-T G.712)."""

ORDER = 8
"""Order of the Butterworth filter at each edge; it attenuates by 48 dB per octave."""


@dataclass(frozen=True)
class BandLimit(Corruption):
    """A small loudspeaker or microphone: frequencies outside of a band are attenuated, without delay.

    The severity sets the upper edge; the lower edge is 1.02 MHz^2 divided by it: 146, 204, 300, 425 and 600 Hz. The
    third band is that of the telephone. Upper edges above half the sampling rate change nothing. Speech Robust Bench
    has low-pass filters from 4000 down to 500 Hz and high-pass filters from 500 to 3000 Hz.

    >>> high = np.sin(np.arange(16_000) * 2 * np.pi * 6000 / 16_000).astype(np.float32)
    >>> bool(np.abs(BandLimit()(high, 16_000)[500:-500]).max() < 0.02)
    True
    """

    name = "band_limit"
    reference = "ITU-T G.712"
    levels = (7000, 5000, 3400, 2400, 1700)
    unit = "Hz"

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG002
        """Return the filtered clip `[T]`."""
        size = scipy.fft.next_fast_len(len(samples) + sample_rate // 10, real=True)  # without wrapping around
        frequencies = scipy.fft.rfftfreq(size, 1 / sample_rate)
        low = (frequencies / self.level) ** (2 * ORDER)
        high = (CENTRE / self.level / np.maximum(frequencies, 1e-3)) ** (2 * ORDER)
        spectrum = scipy.fft.rfft(samples.astype(np.float64), size) / np.sqrt((1 + low) * (1 + high))
        return np.asarray(scipy.fft.irfft(spectrum, size)[: len(samples)])
