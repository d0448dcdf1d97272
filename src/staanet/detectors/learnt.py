"""A learnt detector: a small network that tells attacked clips from clean ones."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from pydantic import ConfigDict
from torch import Tensor, nn
from torch.nn import functional

from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.core.waveforms import valid_samples
from staanet.detectors.base import Detector, Pair
from staanet.models import Model


@dataclass(frozen=True)
class Learnt(Detector):
    """A network of two convolutions on the residual of each sample to the mean of its neighbours.

    Source: a network that detects perturbations, J. H. Metzen et al., ICLR 2017, on the waveform instead of features.
    It knows the attacks that it was shown, and others only by chance.

    Args:
        steps: Steps of the training; 1 or more.
        learning_rate: Learning rate of Adam, above 0.
        width: Channels of the convolutions; 1 or more.
        network: The trained network; None before `fit`.

    >>> Learnt(steps=50).steps
    50
    """

    __pydantic_config__ = ConfigDict(arbitrary_types_allowed=True)

    name = "learnt"
    reference = "arXiv 1702.04267"

    steps: int = 200
    learning_rate: float = 3e-3
    width: int = 16
    network: nn.Module | None = None

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.steps < 1 or self.width < 1 or not 0 < self.learning_rate < float("inf"):
            raise StaanetError(
                f"expected steps and width of 1 or more and a learning_rate above 0, got {self.steps}, {self.width} "
                f"and {self.learning_rate}"
            )

    def fit(self, model: Model, pairs: Iterable[Pair], seed: int = 0) -> "Learnt":  # noqa: ARG002
        """Return the detector after learning from clean and attacked clips."""
        batches = list(pairs)
        if not batches:
            raise StaanetError("expected clean and attacked clips to learn from, got none")
        with seeded(seed, "detector"):
            network = _Network(self.width).to(batches[0][0].device)
        optimiser = torch.optim.Adam(network.parameters(), lr=self.learning_rate)
        for step in range(self.steps):
            clean, attacked, lengths = batches[step % len(batches)]
            scores = network(torch.cat([clean, attacked]), lengths.repeat(2))
            truth = torch.cat([torch.zeros(len(clean)), torch.ones(len(attacked))]).to(scores)
            optimiser.zero_grad()
            functional.binary_cross_entropy_with_logits(scores, truth).backward()
            optimiser.step()
        return replace(self, network=network.eval().requires_grad_(False))

    def scores(self, model: Model, waveforms: Tensor, lengths: Tensor) -> Tensor:  # noqa: ARG002
        """Return the logits `[B]` of being attacked."""
        if self.network is None:
            raise StaanetError("expected a detector that has learnt from attacked clips, got a new one; call fit")
        scores: Tensor = self.network(waveforms, lengths)
        return scores


class _Network(nn.Module):
    """Convolutions on the residual, which is scaled by the level of its clip, and the mean and maximum over time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(1, width, 9, stride=2, padding=4), nn.Conv1d(width, width, 9, stride=4)
        self.head = nn.Linear(2 * width, 1)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return one number `[B]` for each clip `[B, T]`; each is computed without its padding."""
        waveforms = functional.pad(waveforms, (0, max(0, 32 - waveforms.shape[1])))
        mean = functional.avg_pool1d(waveforms[:, None], 5, 1, 2)[:, 0]
        residual = (waveforms - mean) * valid_samples(lengths, waveforms.shape[1])
        level = (waveforms.square().sum(1, keepdim=True) / lengths[:, None]).sqrt().clamp_min(1e-4)
        hidden = functional.leaky_relu(self.second(functional.leaky_relu(self.first(10 * (residual / level)[:, None]))))
        left = (((lengths + 1) // 2 - 9) // 4 + 1).clamp(1, hidden.shape[2])  # of both convolutions
        inside = valid_samples(left, hidden.shape[2])[:, None]
        pooled = [(hidden * inside).sum(2) / left[:, None], hidden.masked_fill(~inside, -torch.inf).amax(2)]
        scores: Tensor = self.head(torch.cat(pooled, 1))[:, 0]
        return scores
