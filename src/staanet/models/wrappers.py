"""Wrappers of models: other labels, another sampling rate, an input defence in front, or features as the input."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from staanet.audio.front_ends.resample import Resample
from staanet.core.errors import StaanetError
from staanet.models.base import HasFeatures, Model, Network, check_labels


class View(Model):
    """A model that delegates to another model; a subclass overrides the methods that it changes."""

    def __init__(self, model: Model) -> None:
        nn.Module.__init__(self)
        self.model = model
        self.labels, self.settings = model.labels, model.settings
        self.sample_rate, self.trained_length = model.sample_rate, model.trained_length
        self.access, self.dimensions = model.access, model.dimensions
        self.eval()

    @property
    def name(self) -> str:  # type: ignore[override]
        """Registry name of the wrapped model."""
        return self.model.name

    @property
    def pooling_stride(self) -> int:  # type: ignore[override]
        """Pooling stride of the wrapped model."""
        return self.model.pooling_stride

    @property
    def min_samples(self) -> int:
        """Length in samples of the shortest clip that the wrapped model can process."""
        return self.model.min_samples

    @property
    def has_representation(self) -> bool:
        """Whether the wrapped model has representations."""
        return self.model.has_representation

    def fit_length(self, waveforms: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return waveforms repeated or cut as the wrapped model does, and their lengths."""
        return self.model.fit_length(waveforms, lengths)

    def forward_fitted(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:
        """Return the wrapped model's output for waveforms `[B, T]` without repeating or cutting them."""
        return self.model.forward_fitted(waveforms, lengths, network)

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""
        return self.model.classify(waveforms)

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the representations `[B, D]` of standardised waveforms `[B, trained_length]`."""
        return self.model.encode(waveforms)


class LabelView(View):
    """A model restricted to some of its labels: the logits of the other labels are dropped.

    This evaluates a model on a corpus that shares only some of its emotions.

    Args:
        model: Model to restrict.
        labels: Labels to keep, in the order of the returned logits; two or more, all different.

    Raises:
        StaanetError: If the model does not know one of the labels.

    >>> import torch
    >>> from staanet.models import create_model
    >>> view = LabelView(create_model("emo18", ("anger", "boredom", "fear"), seconds=0.1), ("fear", "anger"))
    >>> view(torch.zeros(1, 1600)).shape
    torch.Size([1, 2])
    """

    def __init__(self, model: Model, labels: Sequence[str]) -> None:
        super().__init__(model)
        check_labels(labels)
        if unknown := [label for label in labels if label not in model.labels]:
            raise StaanetError(
                f"expected labels that {model.name} decides between ({', '.join(model.labels)}), got "
                f"{', '.join(unknown)}; use the names of the model, whose order does not matter"
            )
        self.labels = tuple(labels)
        self._columns = [model.labels.index(label) for label in labels]

    def forward_fitted(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:
        """Return the kept logits `[B, K]`, or the output of `network`, without repeating or cutting the waveforms."""
        output = super().forward_fitted(waveforms, lengths, network)
        return output if network else output[:, self._columns]

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the kept logits `[B, K]` of standardised waveforms `[B, trained_length]`."""
        return super().classify(waveforms)[:, self._columns]


class RenamedView(View):
    """A model whose labels have other names.

    Args:
        model: Model whose labels are renamed.
        labels: New names, in the order of the logits.
    """

    def __init__(self, model: Model, labels: Sequence[str]) -> None:
        super().__init__(model)
        self.labels = tuple(labels)


class ResampledView(View):
    """A model for clips at another sampling rate, which are resampled to that of the model; gradients flow through.

    Args:
        model: Model at its own rate.
        sample_rate: Sampling rate of the clips in Hz.

    >>> import torch
    >>> from staanet.models import create_model
    >>> model = create_model("emo18", ("anger", "fear"), seconds=0.1)
    >>> ResampledView(model, 8000)(torch.rand(1, 800)).shape
    torch.Size([1, 2])
    """

    def __init__(self, model: Model, sample_rate: int) -> None:
        super().__init__(model)
        self._resample = Resample(orig_sr=sample_rate, target_sr=model.sample_rate)
        self.sample_rate = sample_rate
        length = model.trained_length
        self.trained_length = None if length is None else round(length * sample_rate / model.sample_rate)

    @property
    def min_samples(self) -> int:
        """Length in samples of the shortest clip that the wrapped model can process."""
        return -(-self.model.min_samples * self.sample_rate // self.model.sample_rate)

    @property
    def pooling_stride(self) -> None:  # type: ignore[override]
        """None: a time step of the network is no whole number of samples at this rate."""
        return

    def fit_length(self, waveforms: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the resampled waveforms, repeated or cut as the wrapped model does, and their lengths."""
        if lengths is None:
            lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        resampled = -(-lengths * self.model.sample_rate // self.sample_rate)
        return super().fit_length(self._resample(waveforms), resampled)


class DefendedView(View):
    """A model behind an input defence, which transforms each clip before the model classifies it.

    Args:
        model: Model to protect.
        defence: Function of waveforms `[B, T]`, lengths `[B]` and the sampling rate in Hz that returns the transformed
            waveforms `[B, T]`.

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
        """Return the defended waveforms, repeated or cut as the wrapped model does, and their lengths."""
        if lengths is None:
            lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        return super().fit_length(self.defence(waveforms, lengths, self.sample_rate), lengths)


class FeatureView(nn.Module):
    """A classifier of a model's features `[B, rows * frames]`, so that attacks perturb features instead of waveforms.

    The features that an attack finds need not belong to any waveform.

    Args:
        model: Model whose features are attacked.
        bounds: Smallest and largest allowed feature. Default: the range on the clips that the model's statistics were
            fitted on. If those were training clips only, test clips may exceed it; pass `bounds_of_features` of all
            clips instead.

    >>> from staanet.models import create_model
    >>> model = create_model("cnn_lstm", labels=("anger", "neutral"))
    >>> features = model.features(torch.zeros(1, 16_000))
    >>> bool((FeatureView(model, (-5, 7))(features) == model(torch.zeros(1, 16_000))).all())
    True
    """

    def __init__(self, model: HasFeatures, bounds: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.model = model
        self.name, self.labels = model.name, model.labels
        self.trained_length = self.pooling_stride = None  # both count samples, which features do not have
        low, high = model.feature_bounds.tolist() if bounds is None else bounds
        if not -torch.inf < low < high < torch.inf:
            raise StaanetError(f"expected bounds from low to high, got {[low, high]}; train the model, or give bounds")
        self.bounds = (low, high)
        self.eval()

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return the logits `[B, K]` of features `[B, rows * frames]`."""
        return self.model.decide(features)


def bounds_of_features(features: Tensor) -> tuple[float, float]:
    """Return the smallest range with integer bounds that contains all features.

    >>> bounds_of_features(torch.tensor([[-1.2, 3.4]]))
    (-2.0, 4.0)
    """
    return float(features.min().floor()), float(features.max().ceil())
