"""Added noise: white noise, noise whose sign is held, and the voices of others."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from staanet.audio.clips import clips_in, read_clip
from staanet.audio.corruptions.base import Corruption, Samples, rms
from staanet.core.errors import StaanetError

SNRS = (30, 20, 10, 5, 0)
"""Ratio of the mean power of the clip to that of the noise in dB. Speech Robust Bench uses 30, 20, 10 and 0 dB,
Robuser 30, 20 and 10 dB for white noise and 20, 10 and 0 dB for the noise of surroundings."""

HOLD_SECONDS = (0.0005, 0.004)
"""Shortest and longest time for which a sign is held: 8 and 64 samples at 16 kHz."""

SILENCE = 1e-10
"""Root mean square below which noise counts as silent, so that it is not amplified."""


@dataclass(frozen=True)
class WhiteNoise(Corruption):
    """White Gaussian noise, as of a microphone amplifier.

    >>> clip = np.full(1000, 0.1, dtype=np.float32)
    >>> noise = WhiteNoise(severity=2)(clip, 16_000) - clip
    >>> round(20 * float(np.log10(rms(clip) / rms(noise))), 2)
    20.0
    """

    name = "white_noise"
    reference = "arXiv 2403.07937"
    levels = SNRS
    unit = "dB SNR"

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG002
        """Return the noisy clip `[T]`."""
        return mixed(samples, random.standard_normal(len(samples)), self.level)


@dataclass(frozen=True)
class HeldNoise(Corruption):
    """Noise with two values, each held for a random time of 0.5 to 4 ms, whose energy is at low frequencies.

    It lasts 8 to 64 samples per value at 16 kHz. Models that are trained with white noise do not know it.

    >>> noise = HeldNoise(severity=5)(np.full(100, 0.1, dtype=np.float32), 16_000)
    >>> np.unique(noise.round(4))
    array([0. , 0.2], dtype=float32)
    """

    name = "held_noise"
    reference = "control"
    levels = SNRS
    unit = "dB SNR"

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:
        """Return the noisy clip `[T]`."""
        shortest, longest = (round(seconds * sample_rate) for seconds in HOLD_SECONDS)
        runs = random.integers(shortest, longest + 1, size=len(samples) // shortest + 1)
        signs = random.choice((-1.0, 1.0), size=len(runs))
        return mixed(samples, np.repeat(signs, runs)[: len(samples)], self.level)


@dataclass(frozen=True)
class Babble(Corruption):
    """The voices of others, mixed.

    For each clip, `voices` clips are drawn from `speech`. Each begins at a random sample, is repeated to the length of
    the clip, and has the same mean power in the mixture.

    Args:
        speech: Folder of audio files with the speech that is mixed, or the clips themselves, `[T]` each at the sampling
            rate of the corrupted clips. Take none that the corrupted clips contain.
        voices: Number of clips in a mixture, at least 1.
        severity: Severity from 1 to 5.

    >>> speech = tuple(np.random.default_rng(0).uniform(-0.5, 0.5, (6, 1000)))
    >>> clip = np.full(2000, 0.1, dtype=np.float32)
    >>> round(rms(Babble(speech, severity=5)(clip, 16_000) - clip), 4)
    0.1
    """

    __pydantic_config__ = ConfigDict(arbitrary_types_allowed=True)

    name = "babble"
    reference = "arXiv 2403.07937"
    levels = SNRS
    unit = "dB SNR"

    speech: str | Path | tuple[np.ndarray, ...]
    voices: int = 4

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if self.voices < 1:
            raise StaanetError(f"expected voices of 1 or more, got {self.voices}")

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:
        """Return the clip `[T]` with the voices.

        Raises:
            StaanetError: If there are fewer clips than voices, or a clip has several channels or no samples.
        """
        clips = self.speech if isinstance(self.speech, tuple) else clips_in(Path(self.speech))
        if len(clips) < self.voices:
            where = "speech" if isinstance(self.speech, tuple) else self.speech
            raise StaanetError(
                f"{where}: expected {self.voices} clips or more, one per voice, got {len(clips)}; give a folder of "
                "audio files with speech of others, or fewer voices"
            )
        babble = np.zeros(len(samples))
        for number in random.choice(len(clips), self.voices, replace=False):
            clip = clips[number]
            voice = read_clip(clip, sample_rate) if isinstance(clip, Path) else clip
            if voice.ndim != 1 or len(voice) < 1:
                raise StaanetError(f"expected clips [T] of speech, got {list(voice.shape)}; average the channels")
            index = (np.arange(len(samples)) + int(random.random() * len(voice))) % len(voice)
            babble += voice[index] / max(rms(voice), SILENCE)
        return mixed(samples, babble, self.level)


def mixed(samples: Samples, noise: NDArray[np.floating], snr_db: float) -> NDArray[np.floating]:
    """Return a clip with added noise at a signal-to-noise ratio; silent noise changes nothing.

    Args:
        samples: The clip `[T]`.
        noise: The noise `[T]`, at any level.
        snr_db: Ratio of the mean power of the clip to that of the noise in dB.

    Shape: `[T]`, `[T]` -> `[T]`.

    >>> float(mixed(np.float32([0.5]), np.array([-0.1]), 20.0)[0])
    0.45
    """
    loudness = rms(noise)
    if loudness < SILENCE:
        return samples
    return samples + noise * (rms(samples) / loudness * 10 ** (-snr_db / 20))
