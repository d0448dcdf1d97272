"""Clicks: a clip is suspicious if many samples do not fit their neighbours."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.core.waveforms import valid_samples
from staanet.defences.neighbourhood import Neighbourhood
from staanet.detectors.base import Detector
from staanet.models import Model

LEAST = 1e-4
"""Smallest median distance of a window, in full scale, so that silence contains no clicks."""


@dataclass(frozen=True)
class Clicks(Neighbourhood, Detector):
    """Share of the samples that lie far from the median of their neighbourhood, counted softly.

    A sample counts as a logistic function of its distance from the median, in median distances of its window, less
    `threshold`. The defence `click_removal` uses the same distance (S. V. Vaseghi, Advanced Digital Signal Processing
    and Noise Reduction, 4th ed., 2008, chapter 13). It needs no model and sees changes of few samples only.

    Args:
        width: Samples of a window; odd, 3 or more.
        threshold: Number of median distances at which a sample counts half, above 0.

    >>> clip = torch.full((1, 100), 0.1)
    >>> clip[0, 50] = 0.9
    >>> round(float(Clicks().scores(None, clip, torch.tensor([100]))), 2)
    0.02
    """

    name = "clicks"
    reference = "Vaseghi 2008"

    def scores(self, model: Model, waveforms: Tensor, lengths: Tensor) -> Tensor:  # noqa: ARG002
        """Return the soft shares of clicks `[B]`, from 0 to 1."""
        distances, scale = self.distances(waveforms)
        counted = torch.sigmoid(distances / scale.clamp_min(LEAST) - self.threshold)
        return (counted * valid_samples(lengths, waveforms.shape[1])).sum(1) / lengths
