"""One perturbation for all clips: a generator that does not look at them."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from staanet.attacks.generator.base import Generator, GeneratorSettings
from staanet.core.errors import StaanetError

EARLIER = 1e-3
"""How much lower the raw positions of a repetition are than those of the one before. Equal ones could not be ranked."""


@dataclass(frozen=True)
class UniversalSettings(GeneratorSettings):
    """The length of the perturbation.

    Args:
        sparsity: Share of the samples of a clip with position 1, or `learned` (see `GeneratorSettings`).
        period: Number of samples after which the perturbation repeats itself; 16 000 are a second at 16 kHz.
    """

    sparsity: float | Literal["learned"] = 0.12
    period: int = 16_000

    def __post_init__(self) -> None:
        """Validate the sizes."""
        super().__post_init__()
        if self.period < 1:
            raise StaanetError(f"expected a period of 1 sample or more, got {self.period}")


class Pattern(nn.Module):
    """One learnt value per sample of a period, repeated over clips of any length."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.values = nn.Parameter(0.1 * torch.randn(period))

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the values for waveforms `[B, T]`, the same for each, `[B, T]`."""
        size = waveforms.shape[1]
        repetitions = -(-size // len(self.values))
        return self.values.repeat(repetitions)[:size].expand(len(waveforms), size)


class Universal(Generator):
    """A perturbation that is the same for all clips, learnt once and repeated from their beginnings.

    S.-M. Moosavi-Dezfooli et al., "Universal adversarial perturbations", CVPR 2017, arXiv 1610.08401, with the
    magnitudes and positions, and the training, of arXiv 2402.01227 in place of the search over clips. Clips differ in
    epsilon and in the number of positions only, which is the same pattern made louder or sparser.

    >>> generator = Universal(UniversalSettings(period=50)).eval()
    >>> first, second = generator(torch.rand(2, 120) - 0.5, epsilon=0.1).magnitudes
    >>> bool((first == second).all()), bool((first[:50] == first[50:100]).all())
    (True, True)
    """

    name = "universal"
    Settings = UniversalSettings
    settings: UniversalSettings

    def __init__(self, settings: UniversalSettings) -> None:
        super().__init__()
        self.settings, self.stride = settings, settings.period
        self.magnitudes, self.positions = Pattern(settings.period), Pattern(settings.period)

    def outputs(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Return the raw magnitudes and positions, each `[B, T]`."""
        repetition = torch.arange(waveforms.shape[1], device=waveforms.device) // self.stride
        return self.magnitudes(waveforms), self.positions(waveforms) - EARLIER * repetition
