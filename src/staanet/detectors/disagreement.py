"""Disagreement: a clip is suspicious if an input defence changes the output of the model."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from staanet.defences import InputDefence, input_defence
from staanet.detectors.base import Detector
from staanet.models import Model


@dataclass(frozen=True)
class Disagreement(Detector):
    """Distance between the probabilities for a clip and for what an input defence makes of it.

    Source: W. Xu, D. Evans, Y. Qi, "Feature squeezing", NDSS 2018, section 5: the sum of absolute differences.

    Args:
        defence: Name of an input defence, or a table with its name as `defence` and settings.

    >>> Disagreement(defence={"defence": "rounding", "bits": 8}).build().bits
    8
    """

    name = "disagreement"
    reference = "arXiv 1704.01155"

    defence: str | dict[str, Any] = field(default="median")

    def __post_init__(self) -> None:
        """Validate the settings."""
        self.build()

    def build(self) -> InputDefence:
        """Build the defence."""
        return input_defence(self.defence)

    def scores(self, model: Model, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the distances `[B]`, from 0 to 2."""
        squeezed = self.build()(waveforms, lengths, model.sample_rate)
        one, other = (model(clips, lengths).float().softmax(1) for clips in (waveforms, squeezed))
        distances: Tensor = (one - other).abs().sum(1)
        return distances
