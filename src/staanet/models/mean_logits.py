"""Several models as one source of an attack: the mean of their logits."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.models.base import Model


class MeanLogits(nn.Module):
    """The mean of the logits of several models, which every attack takes as a source, and training a generator too.

    A change that misleads several models at once carries over to others more often. Source: the ensemble in logits of
    Y. Dong et al., "Boosting Adversarial Attacks with Momentum", arXiv 1710.06081, section 3.4, with equal weights.

    Args:
        models: Two or more models with the same labels in the same order and the same sampling rate.

    Raises:
        StaanetError: If there are fewer models, or they differ in labels or sampling rate.

    Shape: waveforms `[B, T]`, lengths `[B]` -> logits `[B, K]`.

    >>> from staanet import create_attack, create_model
    >>> sources = MeanLogits([create_model(name, labels="abc", seconds=0.1) for name in ("emo18", "zhao19")])
    >>> clip = torch.full((1, 1600), 0.1)
    >>> create_attack("sparse_pgd", preset="diverse", steps=2)(sources, clip, torch.tensor([0])).shape
    torch.Size([1, 1600])
    """

    name = "mean_logits"

    def __init__(self, models: Sequence[Model]) -> None:
        super().__init__()
        if len(models) < 2:
            raise StaanetError(f"expected two or more models, got {len(models)}; one is a source by itself")
        first = models[0]
        for model in models[1:]:
            if model.labels != first.labels:
                raise StaanetError(
                    f"expected models with the labels {', '.join(first.labels)}, got {model.name} with "
                    f"{', '.join(model.labels)}; logits are averaged class by class"
                )
            if model.sample_rate != first.sample_rate:
                raise StaanetError(
                    f"expected models for {first.sample_rate} Hz, got {model.name} for {model.sample_rate} Hz"
                )
        self.models = nn.ModuleList(models)
        self.labels, self.sample_rate = first.labels, first.sample_rate
        sizes = [model.trained_length for model in models]
        self.trained_length = None if None in sizes else max(size for size in sizes if size is not None)
        """Number of samples beyond which no model looks; None if one takes clips of any length."""
        strides = {model.pooling_stride for model in models}
        self.pooling_stride = strides.pop() if len(strides) == 1 else None
        """Samples per time step of the networks; None if they differ, so that the mean has no such period."""
        self.eval()

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the mean of the logits."""
        return torch.stack([model(waveforms, lengths) for model in self.models]).mean(0)
