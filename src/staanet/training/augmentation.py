"""What training does to clips, so that a model learns the emotion and not the recording."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.errors import StaanetError


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training clip; all off by default.

    Args:
        noise: share of the clips to which random signs are added.
        noise_snr_db: range of their size, dB below the clip's peak.
        noise_density: range of the share of samples that they hit, drawn on a logarithmic scale.
        speed: range of the playing speed, 1 is unchanged; pitch and duration change together.
        shift: start repeating or cutting at a random sample instead of the first.
    """

    noise: float = 0.0
    noise_snr_db: tuple[float, float] = (0.0, 35.0)
    noise_density: tuple[float, float] = (0.001, 1.0)
    speed: tuple[float, float] = (1.0, 1.0)
    shift: bool = False

    def __post_init__(self) -> None:
        """Refuse ranges that mean nothing."""
        if not 0 <= self.noise <= 1:
            raise StaanetError(f"expected noise, a share of the clips, in [0, 1], got {self.noise}")
        for name in ("noise_snr_db", "noise_density", "speed"):
            low, high = getattr(self, name)
            if not low <= high or (name != "noise_snr_db" and low <= 0):
                raise StaanetError(f"expected {name} as a range from low to high, got {[low, high]}")

    def __call__(self, waveform: Tensor) -> Tensor:
        """Return a changed clip `[T]`, of another length where the speed changes; draws from torch's own generator."""
        if self.speed != (1.0, 1.0):
            size = max(1, round(len(waveform) / _uniform(*self.speed)))
            waveform = functional.interpolate(waveform[None, None], size, mode="linear", align_corners=False)[0, 0]
        if self.shift:
            waveform = waveform.roll(-int(torch.randint(len(waveform), ())))
        if torch.rand(()) < self.noise:
            size_of_noise = waveform.abs().max() * 10 ** (-_uniform(*self.noise_snr_db) / 20)
            density = math.exp(_uniform(*(math.log(limit) for limit in self.noise_density)))
            signs = torch.randint(2, waveform.shape) * 2 - 1
            waveform = waveform + size_of_noise * signs * (torch.rand(waveform.shape) < density)
        return waveform


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
