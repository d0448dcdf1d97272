"""The base class of controls that add a sound to each clip, as loud as the budget allows."""

import abc

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.seeds import ClipRandom


class AddedSound(Attack):
    """Base class of controls that add a sound.

    The largest sample of the sound is epsilon. With a sparsity below 1, a clip gets one excerpt of the sound, as long
    as the budget allows and at a random position: at scattered samples, no sound would keep its spectrum.
    """

    access = "none"
    norms = ("l0", "linf")
    model_free = True
    reference = "control"

    budget: Budget
    sample_rate: int

    def perturb(
        self, _model: Classifier, waveforms: Tensor, _labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the waveforms with the sound, `[B, T]`."""
        epsilon, counts = self.budget.resolve(waveforms, lengths)
        last = lengths - counts
        starts = (random.uniform(1)[:, 0] * (last + 1)).long().minimum(last)[:, None]  # [B, 1]
        index = torch.arange(waveforms.shape[1], device=waveforms.device)
        excerpt = (index >= starts) & (index < starts + counts[:, None])  # [B, T]
        sounds = torch.where(excerpt, self.sounds(lengths, waveforms.shape[1], random).to(waveforms.device), 0)
        peaks = sounds.abs().amax(1, keepdim=True).clamp_min(torch.finfo(sounds.dtype).tiny)
        return waveforms + epsilon * (sounds / peaks).to(waveforms.dtype)

    @abc.abstractmethod
    def sounds(self, lengths: Tensor, size: int, random: ClipRandom) -> Tensor:
        """Return a sound of any loudness for each clip, `[B, T]` on the CPU.

        Args:
            lengths: Number of valid samples of each clip, `[B]`.
            size: Width T of the batch, in samples.
            random: Random streams of the clips.
        """
