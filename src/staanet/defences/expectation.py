"""Expectation over transformation: a defended model as an attacker sees it who does not know the random draws."""

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.defences.base import InputDefence
from staanet.models import Model
from staanet.models.wrappers import DefendedView, View


class Expectation(View):
    """A model behind a random input defence, with the mean of its logits over several draws.

    Source: A. Athalye et al., ICML 2018 (arXiv 1707.07397). An attack on this view does not rely on the draws that the
    defence makes for one clip.

    Args:
        model: Model to protect.
        defence: The defence.
        draws: Number of draws; 1 or more.

    >>> from staanet.defences import create_defence
    >>> from staanet.models import create_model
    >>> model = create_model("emo18", ("anger", "fear"), seconds=0.1)
    >>> Expectation(model, create_defence("noise"), draws=4)(torch.rand(1, 1600)).shape
    torch.Size([1, 2])
    """

    def __init__(self, model: Model, defence: InputDefence, draws: int) -> None:
        super().__init__(model)
        if draws < 1:
            raise StaanetError(f"expected one draw or more, got {draws}")
        self.defence, self.draws = defence, draws

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the mean logits `[B, K]` of waveforms `[B, T]`."""
        if lengths is None:
            lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        logits = [
            self.model(self.defence.redrawn(waveforms, lengths, self.sample_rate, seed), lengths)
            for seed in range(1, self.draws + 1)
        ]
        return torch.stack(logits).mean(0)


def as_attacked(model: Model, defence: InputDefence, draws: int = 1) -> Model:
    """Return a defended model as an attacker sees it who knows the defence.

    Its gradient is the one that the defence declares: its own, that of the identity (BPDA), or the mean over draws.

    Args:
        model: Model to protect.
        defence: The defence.
        draws: Draws over which a random defence is averaged.
    """
    return Expectation(model, defence, draws) if defence.gradient == "expectation" else DefendedView(model, defence)
