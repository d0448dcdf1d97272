"""Victims seen through something: asked for some of their emotions only, or behind something that changes clips."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.models.base import Network, Victim
from staanet.models.cnn_lstm import CnnLstm


class View(Victim):
    """A victim that hears and decides as `victim` does, but for what a subclass changes."""

    def __init__(self, victim: Victim) -> None:
        nn.Module.__init__(self)
        self.victim = victim
        self.labels, self.settings = victim.labels, victim.settings
        self.sample_rate, self.trained_length = victim.sample_rate, victim.trained_length
        self.eval()

    @property
    def name(self) -> str:  # type: ignore[override]
        """The victim's name."""
        return self.victim.name

    @property
    def pooling_stride(self) -> int:  # type: ignore[override]
        """The victim's stride."""
        return self.victim.pooling_stride

    @property
    def shortest(self) -> int:
        """Samples of the shortest clip that the victim can hear."""
        return self.victim.shortest

    def _fitted(self, waveforms: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return waveforms as the victim repeats or cuts them, and their lengths."""
        return self.victim._fitted(waveforms, lengths)

    def hear(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:
        """Return what the victim makes of waveforms `[B, T]` that are neither repeated nor cut any more."""
        return self.victim.hear(waveforms, lengths, network)

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""
        return self.victim.classify(waveforms)

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the representations `[B, D]` of standardised waveforms `[B, trained_length]`."""
        return self.victim.encode(waveforms)


class LabelView(View):
    """A victim that decides between `labels`, some of its own: the logits of the others are left out.

    So a victim trained on one corpus can be held against clips of another, over the emotions that both have.

    >>> import torch
    >>> from staanet.models import create_victim
    >>> view = LabelView(create_victim("emo18", ("anger", "boredom", "fear"), seconds=0.1), ("fear", "anger"))
    >>> view(torch.zeros(1, 1600)).shape
    torch.Size([1, 2])
    """

    def __init__(self, victim: Victim, labels: Sequence[str]) -> None:
        super().__init__(victim)
        self.labels = tuple(labels)
        self._columns = [victim.labels.index(label) for label in labels]

    def hear(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:
        """Return the logits `[B, K]`, or what `network` gives, of waveforms `[B, T]` that are not fitted any more."""
        heard = super().hear(waveforms, lengths, network)
        return heard if network else heard[:, self._columns]

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""
        return super().classify(waveforms)[:, self._columns]


class DefendedView(View):
    """A victim that hears what `defence` makes of each clip.

    Args:
        victim: who decides.
        defence: returns the waveforms `[B, T]` that are heard instead of waveforms `[B, T]` of given lengths `[B]` at a
            sample rate in Hz.

    >>> import torch
    >>> from staanet.models import create_victim
    >>> victim = create_victim("emo18", ("anger", "fear"), seconds=0.1)
    >>> clip = torch.rand(1, 1600)
    >>> backwards = DefendedView(victim, lambda waveforms, lengths, rate: waveforms.flip(1))
    >>> bool((backwards(clip) == victim(clip.flip(1))).all())
    True
    """

    def __init__(self, victim: Victim, defence: Callable[[Tensor, Tensor, int], Tensor]) -> None:
        super().__init__(victim)
        self.defence = defence

    def _fitted(self, waveforms: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return defended waveforms, as the victim repeats or cuts them, and their lengths."""
        if lengths is None:
            lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        return super()._fitted(self.defence(waveforms, lengths, self.sample_rate), lengths)


class FeatureView(nn.Module):
    """A CNN-LSTM that hears its own features `[B, bands * frames]`: attacks on it change features, as published.

    What they find need not be the spectrogram of any sound.

    Args:
        victim: whose features they are.
        bounds: lowest and highest feature; those of the clips that the victim adapted to where left out. Test clips
            may have others where these were training clips only: give `bounds_of_features` of all of them.

    >>> from staanet.models import create_victim
    >>> victim = create_victim("cnn_lstm", labels=("anger", "neutral"))
    >>> features = victim.features(torch.zeros(1, 16_000))
    >>> bool((FeatureView(victim, (-5, 7))(features) == victim(torch.zeros(1, 16_000))).all())
    True
    """

    def __init__(self, victim: CnnLstm, bounds: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.victim = victim
        self.name, self.labels = victim.name, victim.labels
        self.trained_length = self.pooling_stride = None  # of samples, of which it hears none
        low, high = victim.feature_bounds.tolist() if bounds is None else bounds
        if not -torch.inf < low < high < torch.inf:
            raise StaanetError(f"expected bounds from low to high, got {[low, high]}; train the victim, or give bounds")
        self.bounds = (low, high)
        self.eval()

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return the logits `[B, K]` of features `[B, bands * frames]`."""
        return self.victim.decide(features)


def bounds_of_features(features: Tensor) -> tuple[float, float]:
    """Return the whole numbers between which all features lie.

    >>> bounds_of_features(torch.tensor([[-1.2, 3.4]]))
    (-2.0, 4.0)
    """
    return float(features.min().floor()), float(features.max().ceil())
