"""Reverberant rooms: a decaying tail of noise, image sources, or measured impulse responses."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from staanet.audio.clips import clips_in, read_clip
from staanet.audio.corruptions.base import Corruption, Samples, rms
from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra

SIZE = (7.0, 5.5, 2.6)
"""Length, width and height of the room in metres; its volume is 100 m^3."""

DISTANCE = 1.0
"""Distance from the talker to the microphone in metres."""

CRITICAL = 0.057
"""Critical distance in metres of a talker who speaks equally in all directions, in a room of 1 m^3 whose reverberation
time is 1 s. It grows with the root of the volume and falls with the root of the reverberation time."""

NOISE_TAIL, IMAGE_SOURCES = "noise_tail", "image_sources"
"""Names of the impulse responses that need no files."""

CUT_DB = 40
"""Decay in dB after which image sources are left out."""

Response = NDArray[np.floating]


@dataclass(frozen=True)
class Room(Corruption):
    """A reverberant room, in which the microphone is 1 m away; the delay is removed and the level stays.

    Reverberation times are those of Robuser, whose impulse responses last 0.1 to 1.5 s.

    Args:
        responses: `noise_tail` is the direct sound and white noise that decays exponentially, with the energy that
            diffuse sound has in a room of 100 m^3 (H. Kuttruff, Room Acoustics, 2009, section 5.1). `image_sources` is
            a rectangular room of this size by pyroomacoustics (extra `rooms`); the first clip of a severity takes
            up to some seconds. Otherwise, the folder of impulse responses as audio files. They are ordered by their
            reverberation time, and each severity draws from one fifth of them.
        severity: Severity from 1 to 5.

    >>> reverberant = Room(severity=5)(np.float32([0.5] + 999 * [0]), 16_000)
    >>> int(np.abs(reverberant).argmax()), bool(reverberant[-1] != 0)
    (0, True)
    """

    name = "room"
    reference = "Robuser"
    levels = (0.25, 0.5, 0.75, 1.0, 1.5)
    unit = "s reverberation"

    responses: str | Path = NOISE_TAIL

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:
        """Return the reverberant clip `[T]`."""
        response = self._response(sample_rate, random)
        delay = int(np.abs(response).argmax())
        received = scipy.signal.oaconvolve(samples, response / response[delay])[delay : delay + len(samples)]
        return np.asarray(received * (rms(samples) / (rms(received) or 1)))

    def _response(self, sample_rate: int, random: np.random.Generator) -> Response:
        """Return the impulse response of the room, `[N]`."""
        if self.responses == NOISE_TAIL:
            return noise_tail(self.level, sample_rate, random)
        if self.responses == IMAGE_SOURCES:
            return image_sources(self.level, sample_rate)
        found = sorted_responses(Path(self.responses), sample_rate)
        first = (self.severity - 1) * len(found) // len(self.levels)
        last = max(first + 1, self.severity * len(found) // len(self.levels))
        return read_clip(found[random.integers(first, last)], sample_rate)


def noise_tail(seconds: float, sample_rate: int, random: np.random.Generator) -> Response:
    """Return an impulse response of direct sound and decaying white noise, `[N]`.

    Args:
        seconds: Reverberation time, in which the power falls by 60 dB.
        sample_rate: Sampling rate in Hz.
        random: Source of the noise.

    >>> response = noise_tail(0.5, 16_000, np.random.default_rng(0))
    >>> len(response), round(reverberation_time(response, 16_000), 1)
    (8000, 0.5)
    """
    size = round(seconds * sample_rate)
    tail = random.standard_normal(size) * 10 ** (-3 * np.arange(size) / size)
    tail[0] = 0
    energy = DISTANCE**2 * seconds / (CRITICAL**2 * np.prod(SIZE))  # relative to that of the direct sound
    tail *= np.sqrt(energy / np.square(tail).sum())
    tail[0] = 1
    return np.asarray(tail)


@lru_cache(maxsize=32)
def image_sources(seconds: float, sample_rate: int) -> Response:
    """Return the impulse response of a rectangular room, `[N]`.

    J. B. Allen, D. A. Berkley, "Image method for efficiently simulating small-room acoustics", J. Acoust. Soc. Am. 65,
    1979, as in pyroomacoustics. Walls absorb as much as the formula of Sabine says; as they reflect without scattering,
    the sound of long reverberation times decays more slowly, 1.9 s instead of 1.5 s.

    Args:
        seconds: Reverberation time by the formula of Sabine.
        sample_rate: Sampling rate in Hz.

    Raises:
        StaanetError: If pyroomacoustics is not installed.
    """
    acoustics = import_extra("pyroomacoustics", "rooms")
    absorption, order = acoustics.inverse_sabine(seconds, SIZE)
    room = acoustics.ShoeBox(
        SIZE, fs=sample_rate, materials=acoustics.Material(absorption), max_order=round(order * CUT_DB / 60)
    )
    source = np.array([2.3, 2.1, 1.5])
    room.add_source(source)
    room.add_microphone([*source[:1] + DISTANCE, *source[1:]])
    room.compute_rir()
    return np.asarray(room.rir[0][0])


@lru_cache(maxsize=8)
def sorted_responses(folder: Path, sample_rate: int) -> tuple[Path, ...]:
    """Return the impulse responses in a folder in the order of their reverberation times.

    Raises:
        StaanetError: If there are none, or one is silent.
    """
    found = clips_in(folder)
    if not found:
        raise StaanetError(
            f"{folder}: expected a folder of impulse responses, {NOISE_TAIL} or {IMAGE_SOURCES}, found no audio files"
        )
    for path in found:
        if not np.abs(read_clip(path, sample_rate)).max() > 0:
            raise StaanetError(f"{path}: expected an impulse response, got silence; remove the file")
    return tuple(sorted(found, key=lambda path: reverberation_time(read_clip(path, sample_rate), sample_rate)))


def reverberation_time(response: Response, sample_rate: int) -> float:
    """Return the time in seconds in which the energy of an impulse response decays by 60 dB.

    It is extrapolated from the decay between -5 and -25 dB of the energy that is still to come (M. R. Schroeder, "New
    method of measuring reverberation time", J. Acoust. Soc. Am. 37, 1965; T20 of ISO 3382).

    >>> round(reverberation_time(10 ** (-3 * np.arange(16_000) / 8000), 16_000), 3)
    0.5
    """
    remaining = np.cumsum(np.square(response, dtype=np.float64)[::-1])[::-1]
    levels = remaining / remaining[0]
    start, stop = (int((levels > 10 ** (db / 10)).sum()) for db in (-5, -25))
    return 3 * (stop - start) / sample_rate
