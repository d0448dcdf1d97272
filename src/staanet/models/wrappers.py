"""Models seen through something: asked for some of their emotions only, or behind something that changes clips."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.models.base import Model, Network
from staanet.models.cnn_lstm import CnnLstm


class View(Model):
    """A model that hears and decides as `model` does, but for what a subclass changes."""

    def __init__(self, model: Model) -> None:
        nn.Module.__init__(self)
        self.model = model
        self.labels, self.settings = model.labels, model.settings
        self.sample_rate, self.trained_length = model.sample_rate, model.trained_length
        self.eval()

    @property
    def name(self) -> str:  # type: ignore[override]
        """The model's name."""
        return self.model.name

    @property
    def pooling_stride(self) -> int:  # type: ignore[override]
        """The model's stride."""
        return self.model.pooling_stride

    @property
    def min_samples(self) -> int:
        """Samples of the shortest clip that the model can hear."""
        return self.model.min_samples

    def fit_length(self, waveforms: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return waveforms as the model repeats or cuts them, and their lengths."""
        return self.model.fit_length(waveforms, lengths)

    def forward_fitted(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:
        """Return what the model makes of waveforms `[B, T]` that are neither repeated nor cut any more."""
        return self.model.forward_fitted(waveforms, lengths, network)

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""
        return self.model.classify(waveforms)

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the representations `[B, D]` of standardised waveforms `[B, trained_length]`."""
        return self.model.encode(waveforms)


class LabelView(View):
    """A model that decides between `labels`, some of its own: the logits of the others are left out.

    So a model trained on one corpus can be held against clips of another, over the emotions that both have.

    >>> import torch
    >>> from staanet.models import create_model
    >>> view = LabelView(create_model("emo18", ("anger", "boredom", "fear"), seconds=0.1), ("fear", "anger"))
    >>> view(torch.zeros(1, 1600)).shape
    torch.Size([1, 2])
    """

    def __init__(self, model: Model, labels: Sequence[str]) -> None:
        super().__init__(model)
        self.labels = tuple(labels)
        self._columns = [model.labels.index(label) for label in labels]

    def forward_fitted(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:
        """Return the logits `[B, K]`, or what `network` gives, of waveforms `[B, T]` that are not fitted any more."""
        heard = super().forward_fitted(waveforms, lengths, network)
        return heard if network else heard[:, self._columns]

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""
        return super().classify(waveforms)[:, self._columns]


class DefendedView(View):
    """A model that hears what `defence` makes of each clip.

    Args:
        model: who decides.
        defence: returns the waveforms `[B, T]` that are heard instead of waveforms `[B, T]` of given lengths `[B]` at a
            sample rate in Hz.

    >>> import torch
    >>> from staanet.models import create_model
    >>> model = create_model("emo18", ("anger", "fear"), seconds=0.1)
    >>> clip = torch.rand(1, 1600)
    >>> backwards = DefendedView(model, lambda waveforms, lengths, rate: waveforms.flip(1))
    >>> bool((backwards(clip) == model(clip.flip(1))).all())
    True
    """

    def __init__(self, model: Model, defence: Callable[[Tensor, Tensor, int], Tensor]) -> None:
        super().__init__(model)
        self.defence = defence

    def fit_length(self, waveforms: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return defended waveforms, as the model repeats or cuts them, and their lengths."""
        if lengths is None:
            lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        return super().fit_length(self.defence(waveforms, lengths, self.sample_rate), lengths)


class FeatureView(nn.Module):
    """A CNN-LSTM that hears its own features `[B, bands * frames]`: attacks on it change features, as published.

    What they find need not be the spectrogram of any sound.

    Args:
        model: whose features they are.
        bounds: lowest and highest feature; those of the clips that the model adapted to where left out. Test clips
            may have others where these were training clips only: give `bounds_of_features` of all of them.

    >>> from staanet.models import create_model
    >>> model = create_model("cnn_lstm", labels=("anger", "neutral"))
    >>> features = model.features(torch.zeros(1, 16_000))
    >>> bool((FeatureView(model, (-5, 7))(features) == model(torch.zeros(1, 16_000))).all())
    True
    """

    def __init__(self, model: CnnLstm, bounds: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.model = model
        self.name, self.labels = model.name, model.labels
        self.trained_length = self.pooling_stride = None  # of samples, of which it hears none
        low, high = model.feature_bounds.tolist() if bounds is None else bounds
        if not -torch.inf < low < high < torch.inf:
            raise StaanetError(f"expected bounds from low to high, got {[low, high]}; train the model, or give bounds")
        self.bounds = (low, high)
        self.eval()

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return the logits `[B, K]` of features `[B, bands * frames]`."""
        return self.model.decide(features)


def bounds_of_features(features: Tensor) -> tuple[float, float]:
    """Return the whole numbers between which all features lie.

    >>> bounds_of_features(torch.tensor([[-1.2, 3.4]]))
    (-2.0, 4.0)
    """
    return float(features.min().floor()), float(features.max().ceil())
