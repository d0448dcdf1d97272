"""Augmentation of whole batches on their device, for a training whose labels are a model's own decisions."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.audio.warping import warped
from staanet.core.errors import StaanetError
from staanet.core.waveforms import valid_samples


@dataclass(frozen=True)
class BatchAugmentation:
    """Random changes of a batch of clips, drawn for each clip.

    The result need not carry the emotion of the clip, because a generator is trained on what its source model decides
    about the changed clip. Random numbers are drawn on the CPU, so that they are the same on every device.

    Args:
        speed: Range of the playback speed, drawn uniformly; 1 is unchanged. Pitch and duration change together.
        mix: Probability, in [0, 1], that a clip is mixed with another one of the batch, at a weight of up to one half.
        shift: Whether a clip begins at a random place and is continued by its own beginning.
        polarity: Whether the sign of all samples of a clip is drawn.
    """

    speed: tuple[float, float] = (0.85, 1.18)
    mix: float = 0.5
    shift: bool = True
    polarity: bool = True

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not 0 < self.speed[0] <= self.speed[1] < math.inf:
            raise StaanetError(f"expected speed as a range from low to high above 0, got {list(self.speed)}")
        if not 0 <= self.mix <= 1:
            raise StaanetError(f"expected mix, a probability, in [0, 1], got {self.mix}")

    def __call__(self, waveforms: Tensor, lengths: Tensor, longest: int | None) -> tuple[Tensor, Tensor]:
        """Return changed clips, `[B, T']`, and their lengths, `[B]`.

        Args:
            waveforms: Whole clips, `[B, T]`, in [-1, 1].
            lengths: Number of valid samples of each clip, `[B]`.
            longest: Largest number of samples of a changed clip. Default: as long as the slowest speed makes it.
        """
        draws = torch.rand(5, len(waveforms)).to(waveforms.device)
        speeds = self.speed[0] + (self.speed[1] - self.speed[0]) * draws[0]
        shifts = (draws[1] * lengths).floor() if self.shift else torch.zeros_like(draws[1])
        size = math.ceil(waveforms.shape[1] / self.speed[0])
        clips, sizes = warped(waveforms, lengths, speeds, shifts, size if longest is None else min(size, longest))
        weights = (draws[2] < self.mix) * draws[3] / 2
        mixed = torch.lerp(clips, clips.roll(1, 0), weights[:, None]) * valid_samples(sizes, clips.shape[1])
        signs = torch.where(draws[4] < 0.5, -1.0, 1.0) if self.polarity else torch.ones_like(draws[4])
        return mixed * signs[:, None], sizes
