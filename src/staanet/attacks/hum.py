"""Hum: a tone with harmonics, as of mains electricity; a control that no model was trained with."""

from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.attacks.components.added_sound import AddedSound
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class Hum(AddedSound):
    """A tone with harmonics of random phases, whose largest sample is epsilon; as long as the budget allows.

    The harmonic h has 1/h of the amplitude of the fundamental. With a sparsity below 1, the hum is one excerpt at a
    random position of the clip.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        frequency: Frequency of the fundamental in Hz, above 0 and below half of the sampling rate. The default is that
            of mains electricity in most countries.
        harmonics: Number of partials including the fundamental, at least 1; those above half of the sampling rate are
            left out. 1 is a sine.
        sample_rate: Sampling rate of the clips in Hz. An experiment sets its own.

    >>> clips = torch.zeros(1, 16_000)
    >>> hum = Hum(Budget(epsilon=0.1), frequency=100.0, harmonics=1)(lambda x: x[:, :2], clips, torch.tensor([0]))
    >>> round(float(hum.abs().max()), 4), int(torch.fft.rfft(hum).abs().argmax())
    (0.1, 100)
    """

    name = "hum"

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    frequency: float = 50.0
    harmonics: int = 5
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.harmonics < 1:
            raise StaanetError(f"expected harmonics of 1 or more, got {self.harmonics}")
        if not 0 < self.frequency < self.sample_rate / 2:
            raise StaanetError(
                f"expected a frequency between 0 and half of the sampling rate, {self.sample_rate / 2:g} Hz, "
                f"got {self.frequency:g}"
            )

    def sounds(self, lengths: Tensor, size: int, random: ClipRandom) -> Tensor:
        """Return the hum of each clip, `[B, T]`."""
        phases = random.uniform(self.harmonics).cpu().double()  # [B, H], in periods
        time = torch.arange(size, dtype=torch.float64) / self.sample_rate
        hum = torch.zeros(len(lengths), size, dtype=torch.float64)
        for harmonic, phase in enumerate(phases.split(1, dim=1), 1):
            if harmonic * self.frequency < self.sample_rate / 2:
                hum += torch.sin(2 * torch.pi * (harmonic * self.frequency * time + phase)) / harmonic
        return hum.float()
