"""Random noise of the size of the budget: the control that any attack has to beat."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions, valid_samples


@dataclass(frozen=True)
class Noise(Attack):
    """Random signs of size epsilon at as many random positions as the budget allows.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.

    >>> clips = torch.zeros(1, 10)
    >>> noisy = Noise(Budget(epsilon=0.1, sparsity=0.3))(lambda x: x, clips, torch.tensor([0]))
    >>> int((noisy != 0).sum()), round(float(noisy.abs().max()), 4)
    (3, 0.1)
    """

    name = "noise"
    access = "none"
    norms = ("l0", "linf")
    model_free = True
    reference = "control"

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)

    def perturb(
        self, _model: Classifier, waveforms: Tensor, _labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the noisy waveforms, `[B, T]`."""
        epsilon, counts = self.budget.resolve(waveforms, lengths)
        positions = top_positions(random.uniform(), counts, valid_samples(lengths, waveforms.shape[1]))
        return torch.where(positions, waveforms + epsilon * random.signs(), waveforms)
