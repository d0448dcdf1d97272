"""Data augmentation of training clips."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.errors import StaanetError


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training clip, so that a model learns the emotion instead of the recording; off by default.

    Args:
        noise: Probability, in [0, 1], that noise is added to a clip. The noise has one magnitude and random signs.
        noise_snr_db: Range of the peak signal-to-noise ratio in dB: the magnitude is the clip's peak lowered by a value
            drawn uniformly from this range.
        noise_density: Range, within (0, 1], of the fraction of samples to which noise is added, drawn log-uniformly.
        speed: Range of the playback speed, drawn uniformly; 1 is unchanged. Pitch and duration change together.
        shift: Whether a clip is rotated by a random number of samples, so that repeating or cutting it to the trained
            length starts at a random position.
    """

    noise: float = 0.0
    noise_snr_db: tuple[float, float] = (0.0, 35.0)
    noise_density: tuple[float, float] = (0.001, 1.0)
    speed: tuple[float, float] = (1.0, 1.0)
    shift: bool = False

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not 0 <= self.noise <= 1:
            raise StaanetError(f"expected noise, a share of the clips, in [0, 1], got {self.noise}")
        for name in ("noise_snr_db", "noise_density", "speed"):
            low, high = getattr(self, name)
            if not low <= high or (name != "noise_snr_db" and low <= 0):
                raise StaanetError(f"expected {name} as a range from low to high, got {[low, high]}")

    def __call__(self, waveform: Tensor) -> Tensor:
        """Return a clip `[T]` with random changes drawn from torch's generator; its length changes with the speed."""
        if self.speed != (1.0, 1.0):
            size = max(1, round(len(waveform) / _uniform(*self.speed)))
            waveform = functional.interpolate(waveform[None, None], size, mode="linear", align_corners=False)[0, 0]
        if self.shift:
            waveform = waveform.roll(-int(torch.randint(len(waveform), ())))
        if torch.rand(()) < self.noise:
            magnitude = waveform.abs().max() * 10 ** (-_uniform(*self.noise_snr_db) / 20)
            density = math.exp(_uniform(*(math.log(limit) for limit in self.noise_density)))
            signs = torch.randint(2, waveform.shape) * 2 - 1
            waveform = waveform + magnitude * signs * (torch.rand(waveform.shape) < density)
        return waveform


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
