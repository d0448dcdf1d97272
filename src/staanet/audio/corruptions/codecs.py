"""Codecs: MP3, Opus, and those of telephones, G.711 and GSM."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from staanet.audio import coding
from staanet.audio.corruptions.base import Corruption, Samples, rms

GSM_FRAME = 160
"""Length of a frame of GSM in samples."""

GSM_SHIFT = 64
"""Samples by which the frames of each further GSM coding begin later."""


@dataclass(frozen=True)
class MP3(Corruption):
    """MP3 compression at a low constant bit rate, at 24 kHz or less.

    Robuser uses 32, 16 and 8 kbit/s.

    >>> MP3()(np.zeros(1000, dtype=np.float32), 16_000).shape
    (1000,)
    """

    name = "mp3"
    reference = "Robuser"
    levels = (64, 48, 32, 24, 16)
    unit = "kbit/s"

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG002
        """Return the decoded clip `[T]`."""
        rate = coding.mp3_rate(sample_rate)
        return coding.at_rate(samples, sample_rate, rate, lambda clip: coding.mp3(clip, rate, self.level))


@dataclass(frozen=True)
class Opus(Corruption):
    """Compression by Opus, the codec of internet calls, at 16 kHz and bit rates for speech.

    RFC 6716 recommends 16 to 20 kbit/s for wide-band speech; its lowest bit rate is 6 kbit/s.

    >>> Opus()(np.zeros(1000, dtype=np.float32), 16_000).shape
    (1000,)
    """

    name = "opus"
    reference = "RFC 6716, 2.1.1"
    levels = (24, 16, 12, 8, 6)
    unit = "kbit/s"

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG002
        """Return the decoded clip `[T]`."""
        return coding.at_rate(samples, sample_rate, coding.OPUS_RATE, lambda clip: coding.opus(clip, self.level))


@dataclass(frozen=True)
class G711(Corruption):
    """The telephone network: 8 kHz and 8 bits per sample (ITU-T G.711), for ever quieter talkers.

    The bit rate is fixed, so the severity is the level at the encoder. The clip is brought to this level, encoded,
    decoded, and brought back, so that the noise of quantisation rises and the level stays.

    Args:
        law: `mu` (North America, Japan) or `a` (elsewhere).
        severity: Severity from 1 to 5. At -26 dB relative to overload, the level of telephone networks, hardly more
            happens than the loss of all frequencies above 4 kHz.

    >>> G711(law="a")(np.zeros(1000, dtype=np.float32), 16_000).shape
    (1000,)
    """

    name = "g711"
    reference = "ITU-T G.711, P.830"
    levels = (-26, -34, -42, -50, -58)
    unit = "dBov"

    law: Literal["mu", "a"] = "mu"

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG002
        """Return the decoded clip `[T]`."""
        gain = 10 ** (self.level / 20) / (rms(samples) or 1)

        def code(clip: Samples) -> Samples:
            return coding.g711(clip * np.float32(gain), self.law) / np.float32(gain)

        return coding.at_rate(samples, sample_rate, coding.TELEPHONE_RATE, code)


@dataclass(frozen=True)
class GSM(Corruption):
    """Mobile telephony: 8 kHz and GSM full rate at 13 kbit/s (GSM 06.10), once or several times in a row.

    The bit rate is fixed, so the severity is the number of codings. A call between two mobile telephones has two.
    Impairments of codings in a row add up in ITU-T G.113. The frames of each begin at another sample.

    >>> GSM()(np.zeros(1000, dtype=np.float32), 16_000).shape
    (1000,)
    """

    name = "gsm"
    reference = "ETSI GSM 06.10, ITU-T G.113"
    levels = (1, 2, 3, 4, 5)
    unit = "codings"

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG002
        """Return the decoded clip `[T]`."""

        def code(clip: Samples) -> Samples:
            for coded in range(int(self.level)):
                start = coded * GSM_SHIFT % GSM_FRAME
                clip = coding.gsm(np.pad(clip, (start, 0)))[start:]
            return clip

        return coding.at_rate(samples, sample_rate, coding.TELEPHONE_RATE, code)
