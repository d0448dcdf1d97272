"""Random signs that are held for several samples: a control whose energy is at lower frequencies than white noise."""

from dataclasses import dataclass

from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.held_signs import held_signs
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class HeldNoise(Attack):
    """Random signs of size epsilon, each held for `hold` samples, on as many samples as the budget allows.

    Models that are trained with the default settings are trained with white noise, as in `noise`, and not with this
    noise. With a sparsity below 1, the samples that change are runs of `hold` samples at random positions; one run of
    each clip may be shorter, so that the number of changed samples is that of the budget.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        hold: Number of samples for which each sign is held, at least 1; 1 is the attack `noise`. On all samples, half
            of the energy is below 0.27 times the sampling rate divided by `hold`, 135 Hz at 16 kHz for the default.

    >>> import torch
    >>> clips = torch.zeros(1, 100)
    >>> noisy = HeldNoise(Budget(epsilon=0.1, sparsity=0.24), hold=8)(lambda x: x, clips, torch.tensor([0]))
    >>> int((noisy != 0).sum()), round(float(noisy.abs().max()), 4)
    (24, 0.1)
    """

    name = "held_noise"
    access = "none"
    norms = ("l0", "linf")
    model_free = True
    reference = "control"

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    hold: int = 32

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.hold < 1:
            raise StaanetError(f"expected hold of 1 or more samples, got {self.hold}")

    def perturb(
        self, _model: Classifier, waveforms: Tensor, _labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the noisy waveforms, `[B, T]`."""
        epsilon, counts = self.budget.resolve(waveforms, lengths)
        return waveforms + epsilon * held_signs(counts, lengths, waveforms.shape[1], random, self.hold)
