"""G.711: clips pass the telephone network."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from staanet.audio import coding
from staanet.defences.base import Codec


@dataclass(frozen=True)
class G711(Codec):
    """The telephone network: 8 kHz and logarithmic quantisation to 8 bits (ITU-T G.711).

    Quantisation and down-sampling are defences of Z. Yang et al. for speech recognition (ICLR 2019). Gradients pass
    through it unchanged.

    Args:
        law: `mu` (North America, Japan) or `a` (elsewhere).

    >>> G711().law
    'mu'
    """

    name = "g711"
    reference = "arXiv 1809.10875"

    law: Literal["mu", "a"] = "mu"

    def decoded(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Return the decoded samples `[T]` of a clip."""
        return coding.at_rate(samples, sample_rate, coding.TELEPHONE_RATE, lambda clip: coding.g711(clip, self.law))
