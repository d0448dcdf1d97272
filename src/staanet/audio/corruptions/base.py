"""The base class of corruptions: changes of recordings that nobody intends, each in five severities."""

import abc
import hashlib
from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from staanet.core.errors import StaanetError
from staanet.core.seeds import derive

Samples = NDArray[np.float32]

LEAST_RATE, MOST_RATE = 8000, 48_000
"""Lowest and highest sampling rate in Hz of clips that can be corrupted."""


@dataclass(frozen=True)
class Corruption(abc.ABC):
    """A change of recordings that nobody intends, such as noise or a codec; subclasses are frozen dataclasses.

    A subclass has a table `levels` of its parameter and implements `corrupt`.

    Args:
        severity: Severity from 1 to 5.
    """

    name: ClassVar[str]
    """Registry name."""
    reference: ClassVar[str]
    """Source of the levels: a paper or a standard."""
    levels: ClassVar[tuple[float, ...]]
    """The parameter at each severity."""
    unit: ClassVar[str]
    """Meaning and unit of the parameter, as they follow its value, such as "dB SNR"."""
    keeps_length: ClassVar[bool] = True
    """Whether a corrupted clip has the length of the clip, sample by sample in step with it."""

    severity: int = field(default=3, kw_only=True)

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not (isinstance(self.severity, int) and 1 <= self.severity <= len(self.levels)):
            raise StaanetError(f"expected a severity from 1 to {len(self.levels)}, got {self.severity}")

    @property
    def level(self) -> float:
        """The parameter at this severity."""
        return self.levels[self.severity - 1]

    @final
    def __call__(self, samples: Samples, sample_rate: int, seed: int = 0) -> Samples:
        """Return the corrupted clip in [-1, 1], as 32-bit floats.

        Random numbers depend on the seed and the samples of the clip only, not on the severity, so that a higher
        severity is more of the same.

        Args:
            samples: Samples of one channel in [-1, 1], at least one; they are not changed.
            sample_rate: Sampling rate in Hz, from 8000 to 48 000.
            seed: Any integer.

        Shape: samples `[T]` -> `[T]`, or another length if `keeps_length` is false.

        Raises:
            StaanetError: If the samples or the sampling rate are not as described.
        """
        _check(samples, sample_rate)
        clip = samples.astype(np.float32)
        content = hashlib.blake2b(clip.tobytes(), digest_size=16).hexdigest()
        random = np.random.default_rng(derive(seed, content))
        return self.corrupt(clip, sample_rate, random).clip(-1, 1).astype(np.float32)

    @abc.abstractmethod
    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:
        """Return the corrupted clip `[T]`; the caller clips it to [-1, 1].

        Args:
            samples: Samples of one channel in [-1, 1]; a copy that may be changed.
            sample_rate: Sampling rate in Hz, from 8000 to 48 000.
            random: Random stream of the clip.
        """


def _check(samples: Samples, sample_rate: int) -> None:
    if not (isinstance(samples, np.ndarray) and np.issubdtype(samples.dtype, np.floating)):
        kind = samples.dtype if isinstance(samples, np.ndarray) else type(samples).__name__
        raise StaanetError(f"expected a floating-point numpy array of samples in [-1, 1], got {kind}; convert it")
    if samples.ndim != 1 or len(samples) < 1:
        raise StaanetError(
            f"expected the samples of one channel [T], at least 1, got {list(samples.shape)}; average the channels"
        )
    if not np.abs(samples).max() <= 1:  # also false if a sample is not a number
        raise StaanetError("expected finite samples in [-1, 1], got others; divide by the peak or repair the clip")
    if not LEAST_RATE <= sample_rate <= MOST_RATE:
        raise StaanetError(
            f"expected a sampling rate from {LEAST_RATE} to {MOST_RATE} Hz, got {sample_rate}; resample the clip"
        )


def rms(samples: NDArray[np.floating]) -> float:
    """Return the root mean square of samples of any shape, computed in 64 bits.

    >>> rms(np.array([3.0, 4.0, 0.0, 0.0]))
    2.5
    """
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
