"""Random changes of what the source model sees in each step, so that the gradient carries over to other models."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.audio.warping import warped
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import valid_samples

SPEED = 0.1
"""Largest change of the speed, as a fraction of it."""

SHIFT = 0.1
"""Latest place at which a changed clip begins, as a fraction of its length."""


@dataclass(frozen=True)
class RandomInput:
    """The clips as the source model sees them in one step of an attack, drawn anew for each clip and step.

    Source: input diversity, C. Xie et al., CVPR 2019, arXiv 1803.06978, section 3.3, whose images are resized and
    padded; clips are played faster or slower and begin elsewhere. Noise is injected as by H. Kim, J. Park, J. Lee,
    "Generating Transferable Adversarial Examples for Speech Classification", Pattern Recognition 137, 2023.

    Args:
        random: Random streams of all clips of the attack.
        diversity: Probability, in [0, 1], with which a clip is changed.
        noise: Standard deviation of the noise of each clip in full scale, `[B, 1]`.
        bounds: Lowest and highest value of the input of the model.
    """

    random: ClipRandom
    diversity: float
    noise: Tensor
    bounds: tuple[float, float]

    def __call__(self, waveforms: Tensor, lengths: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the clips `rows` `[b]` as they are seen, `[b, T]`, and their lengths, `[b]`."""
        random, size = self.random.select(rows), waveforms.shape[1]
        if self.diversity:
            chosen, speed, place = random.uniform(3).to(waveforms.dtype).T
            speeds = torch.where(chosen < self.diversity, 1 + SPEED * (2 * speed - 1), 1)
            places = torch.where(chosen < self.diversity, (SHIFT * place * lengths).floor(), 0)
            waveforms, lengths = warped(waveforms, lengths, speeds, places, size)
        if (self.noise != 0).any():
            noise = self.noise[rows] * random.normal() * valid_samples(lengths, size)
            waveforms = (waveforms + noise).clamp(*self.bounds)
        return waveforms, lengths


def check_random_input(diversity: float, noise: float) -> None:
    """Check the settings of random changes.

    Raises:
        StaanetError: If one is out of range.
    """
    if not 0 <= diversity <= 1 or not 0 <= noise < float("inf"):
        raise StaanetError(
            f"expected a diversity in [0, 1] and noise of 0 or more, got {diversity} and {noise}; diversity is a "
            "probability, and noise a multiple of epsilon"
        )
