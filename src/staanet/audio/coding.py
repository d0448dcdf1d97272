"""Speech and audio codecs: clips are encoded in memory by libsndfile and decoded again, without delay."""

import io
from collections.abc import Callable
from typing import Any, Literal, cast

import numpy as np
import soundfile
from numpy.typing import NDArray

from staanet.audio.files import resample
from staanet.core.errors import StaanetError

Samples = NDArray[np.float32]

MP3_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000)
"""Sampling rates in Hz that `mp3` supports: those of MPEG-2 and MPEG-2.5."""

MP3_LEAST = 8
"""Lowest bit rate of MP3 in kbit/s."""

MP3_LEVEL = 0.95
"""Gain that libsndfile applies when it writes MP3, to avoid clipping; it is undone after decoding."""

MP3_DELAY = 1105
"""Delay of encoder and decoder in samples. Frames of low bit rates have no space to store it, so it is cut here."""

OPUS_RATE = 16_000
"""Sampling rate in Hz of `opus`, that of wide-band speech. Above it, some modes of Opus delay clips by a sample."""

OPUS_LEAST, OPUS_MOST = 6, 256
"""Lowest and highest bit rate of Opus in kbit/s."""

VORBIS_LEAST, VORBIS_MOST = 0.0, 1.0
"""Lowest and highest quality of Vorbis."""

TELEPHONE_RATE = 8000
"""Sampling rate in Hz of `g711` and `gsm`."""

LAWS = {"mu": "ULAW", "a": "ALAW"}
"""Names of libsndfile for the two laws of G.711."""


def mp3_most(sample_rate: int) -> int:
    """Return the highest bit rate of MP3 in kbit/s at a sampling rate in Hz, one of `MP3_RATES`.

    >>> mp3_most(16_000), mp3_most(8000)
    (160, 64)
    """
    return 160 if sample_rate >= 16_000 else 64


def mp3_rate(sample_rate: int) -> int:
    """Return the lowest rate of `MP3_RATES` that keeps all frequencies of a clip, or the highest if none does.

    >>> mp3_rate(10_000), mp3_rate(48_000)
    (11025, 24000)
    """
    return min((rate for rate in MP3_RATES if rate >= sample_rate), default=max(MP3_RATES))


def mp3(samples: Samples, sample_rate: int, kbps: float) -> Samples:
    """Return a clip after MP3 compression at a constant bit rate (LAME) and decoding.

    Args:
        samples: The clip `[T]`; samples beyond full scale are clipped.
        sample_rate: Sampling rate in Hz, one of `MP3_RATES`.
        kbps: Bit rate in kbit/s, from 8 to 160, or to 64 below 16 kHz. LAME takes the nearest one of the standard.

    Shape: `[T]` -> `[T]`.

    Raises:
        StaanetError: If the sampling rate or the bit rate is not supported.

    >>> tone = 0.5 * np.sin(np.arange(4000) * 2 * np.pi * 440 / 16_000).astype(np.float32)
    >>> bool(np.abs(mp3(tone, 16_000, 64) - tone)[500:-500].max() < 0.02)
    True
    """
    if sample_rate not in MP3_RATES:
        known = ", ".join(map(str, MP3_RATES))
        raise StaanetError(f"expected a sample rate of {known} Hz for mp3, got {sample_rate}; resample the clips")
    _check_kbps(f"mp3 at {sample_rate} Hz", kbps, MP3_LEAST, mp3_most(sample_rate))
    share = (mp3_most(sample_rate) - kbps) / (mp3_most(sample_rate) - MP3_LEAST)
    options = {"bitrate_mode": "CONSTANT", "compression_level": share}
    decoded = _decoded(samples.clip(-1, 1), sample_rate, "MP3", "MPEG_LAYER_III", **options)
    start = MP3_DELAY if len(decoded) > len(samples) else 0
    return cast(Samples, decoded[start : start + len(samples)] / MP3_LEVEL)


def opus(samples: Samples, kbps: float) -> Samples:
    """Return a clip at 16 kHz after compression by Opus (RFC 6716) at a variable bit rate and decoding.

    Args:
        samples: The clip `[T]` at 16 kHz; samples beyond full scale are clipped.
        kbps: Mean bit rate in kbit/s, from 6 to 256.

    Shape: `[T]` -> `[T]`.

    Raises:
        StaanetError: If the bit rate is not supported.

    >>> opus(np.zeros(1000, dtype=np.float32), 24).shape
    (1000,)
    """
    _check_kbps("opus", kbps, OPUS_LEAST, OPUS_MOST)
    share = (OPUS_MOST - kbps) / (OPUS_MOST - OPUS_LEAST)
    return _decoded(samples.clip(-1, 1), OPUS_RATE, "OGG", "OPUS", compression_level=share)


def vorbis(samples: Samples, sample_rate: int, quality: float) -> Samples:
    """Return a clip after compression by Vorbis at a variable bit rate and decoding.

    Args:
        samples: The clip `[T]`; samples beyond full scale are clipped.
        sample_rate: Sampling rate in Hz, from 8000 to 192 000.
        quality: Quality from 0, the smallest files, to 1.

    Shape: `[T]` -> `[T]`.

    Raises:
        StaanetError: If the quality is not supported.

    >>> vorbis(np.zeros(1000, dtype=np.float32), 16_000, 0.3).shape
    (1000,)
    """
    if not VORBIS_LEAST <= quality <= VORBIS_MOST:
        raise StaanetError(f"expected quality in 0..1 for vorbis, got {quality:g}; change quality")
    return _decoded(samples.clip(-1, 1), sample_rate, "OGG", "VORBIS", compression_level=1 - quality)[: len(samples)]


def g711(samples: Samples, law: Literal["mu", "a"] = "mu") -> Samples:
    """Return a clip at 8 kHz after logarithmic quantisation to 8 bits, as ITU-T G.711 defines it.

    Args:
        samples: The clip `[T]` at 8 kHz; samples beyond full scale are clipped.
        law: `mu` (North America, Japan) or `a` (elsewhere).

    Shape: `[T]` -> `[T]`.

    >>> len(np.unique(g711(np.linspace(-1, 1, 9999, dtype=np.float32)))) in (255, 256)
    True
    """
    return _decoded(_as_16_bit(samples), TELEPHONE_RATE, "WAV", LAWS[law])


def gsm(samples: Samples) -> Samples:
    """Return a clip at 8 kHz after coding by GSM full rate at 13 kbit/s (GSM 06.10) and decoding.

    Shape: `[T]` -> `[T]`.

    >>> gsm(np.zeros(1000, dtype=np.float32)).shape
    (1000,)
    """
    return _decoded(_as_16_bit(samples), TELEPHONE_RATE, "WAV", "GSM610")[: len(samples)]


def at_rate(samples: Samples, sample_rate: int, codec_rate: int, code: Callable[[Samples], Samples]) -> Samples:
    """Return a clip after resampling it to the rate of a codec, coding it, and resampling it back.

    Args:
        samples: The clip `[T]`.
        sample_rate: Sampling rate of the clip in Hz.
        codec_rate: Sampling rate of the codec in Hz.
        code: Function from a clip at this rate to the decoded clip of the same length.

    Shape: `[T]` -> `[T]`.

    >>> at_rate(np.ones(1, dtype=np.float32), 48_000, 8000, gsm).shape
    (1,)
    """
    padded = np.pad(samples, (0, sample_rate // 50))  # 20 ms, so that neither resampler nor codec cuts the end
    return resample(code(resample(padded, sample_rate, codec_rate)), codec_rate, sample_rate)[: len(samples)]


def _check_kbps(codec: str, kbps: float, least: int, most: int) -> None:
    if not least <= kbps <= most:
        raise StaanetError(f"expected kbps in {least}..{most} for {codec}, got {kbps:g}; change kbps")


def _as_16_bit(samples: Samples) -> NDArray[np.int16]:
    """Return a clip as 16-bit integers. From floats, libsndfile rounds to other steps of A-law than G.711 does."""
    return np.round(samples * 2.0**15).clip(-(2**15), 2**15 - 1).astype(np.int16)


def _decoded(
    samples: Samples | NDArray[np.int16], sample_rate: int, container: str, codec: str, **options: Any
) -> Samples:
    """Return a clip after writing it to a file in memory and reading it back, with what the codec appends."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format=container, subtype=codec, **options)
    buffer.seek(0)
    decoded, _ = soundfile.read(buffer, dtype="float32")
    return cast(Samples, decoded)
