"""The base class of models: networks that classify waveforms and contain their own preprocessing."""

import abc
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from staanet.audio.lengths import fit_length, standardise
from staanet.core.errors import StaanetError
from staanet.core.notebook import Shown, few
from staanet.core.signature import LATER, to_jsonable

Network = Callable[[Tensor], Tensor]
Access = Literal["gradient", "scores", "decision"]


@dataclass(frozen=True)
class ModelSettings:
    """Settings that all models share.

    Args:
        labels: Emotions in the order of the logits; two or more, all different.
        seconds: Trained length in seconds. Every clip is repeated or cut to this length. None: each clip is classified
            at its own length (only for models that support it).
        sample_rate: Sampling rate of the input in Hz.
        dimensions: Names of the emotional dimensions, instead of labels, that a model with real outputs returns.
    """

    labels: tuple[str, ...]
    seconds: float | None = 3.0
    sample_rate: int = 16_000
    dimensions: tuple[str, ...] = field(default=(), kw_only=True, metadata=LATER)

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_outputs(self.labels, self.dimensions)
        check_seconds(self.seconds, self.sample_rate)

    @property
    def output_count(self) -> int:
        """Number of outputs: one for each label or dimension."""
        return len(self.labels) or len(self.dimensions)


def check_outputs(labels: Sequence[str], dimensions: Sequence[str]) -> None:
    """Check that a model has either labels or dimensions, with usable names.

    Raises:
        StaanetError: If it has both, or the names cannot be used.
    """
    check_dimensions(dimensions)
    if not dimensions:
        check_labels(labels)
    elif labels:
        raise StaanetError(f"expected either labels or dimensions, got both: {tuple(labels)}, {tuple(dimensions)}")


def check_labels(labels: Sequence[str]) -> None:
    """Check that there are two or more labels, all different and none empty.

    Raises:
        StaanetError: If there are fewer than two labels, two are equal, or one is empty.
    """
    if len(labels) < 2 or len(set(labels)) != len(labels) or not all(label.strip() for label in labels):
        raise StaanetError(f"expected two or more different labels, got {list(labels)}")


def check_dimensions(dimensions: Sequence[str], scale: tuple[float, float] = (0.0, 1.0)) -> None:
    """Check the names of real outputs, and the lowest and highest value of their scale.

    Raises:
        StaanetError: If a name is empty or occurs twice, or the scale is no range.
    """
    if len(set(dimensions)) < len(dimensions) or not all(name.strip() for name in dimensions):
        raise StaanetError(f"expected dimensions with different names, got {list(dimensions)}")
    if not -float("inf") < scale[0] < scale[1] < float("inf"):
        raise StaanetError(f"expected a scale as its lowest and highest value, such as [1, 7], got {list(scale)}")


def check_seconds(seconds: float | None, sample_rate: int) -> None:
    """Check that a trained length is finite and at least one sample long.

    Raises:
        StaanetError: If the length is missing, shorter than a sample, or infinite.
    """
    if seconds is None or not 1 <= seconds * sample_rate < float("inf"):
        raise StaanetError(f"expected a trained length of a sample or more, got {seconds} s")


class Model(Shown, nn.Module, abc.ABC):
    """A speech-emotion-recognition model that maps waveforms to logits.

    `forward` repeats or cuts each clip to the trained length and standardises it, so attacks perturb the samples of the
    file itself and gradients flow back to them. A subclass implements `classify` and `encode`. It overrides
    `forward_fitted` if it accepts clips of any length or replaces the standardisation.

    Shape: waveforms `[B, T]` in [-1, 1] and lengths `[B]` (default: all T samples are valid) -> logits `[B, K]`.
    """

    name: ClassVar[str]
    """Registry name."""
    pooling_stride: ClassVar[int]
    """Samples per time step of the network: the product of all strides before the recurrent or attention layers."""
    access: Access = "gradient"
    """The most that attacks can use: gradients, scores or decisions. Some models from elsewhere have no gradients."""
    dimensions: tuple[str, ...] = ()
    """Names of the emotional dimensions that the outputs are, as shares of their scale; empty for emotions."""
    preset: ClassVar[str] = "default"
    """Name of the default training preset."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Optional packages that affect the model's numbers; runs record their versions."""
    Settings = ModelSettings

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.labels, self.dimensions = settings.labels, settings.dimensions
        self.sample_rate = settings.sample_rate
        self.trained_length = None if settings.seconds is None else round(settings.seconds * settings.sample_rate)
        if self.trained_length is not None and self.trained_length < self.min_samples:
            raise StaanetError(
                f"expected a trained length of {self.min_samples} samples or more for {self.name}, "
                f"got {self.trained_length}; raise seconds"
            )

    def facts(self) -> tuple[str, dict[str, str]]:
        """Return labels, sampling rate, trained length and number of parameters, as a session shows them."""
        length = self.trained_length
        return f"Model {self.name}", {
            **({"dimensions": few(self.dimensions)} if self.dimensions else {"labels": few(self.labels)}),
            "rate": f"{self.sample_rate} Hz",
            "length": "any" if length is None else f"{length / self.sample_rate:g} s",
            "parameters": f"{sum(weight.numel() for weight in self.parameters()):,}",
            "gives": self.access,
        }

    @property
    def min_samples(self) -> int:
        """Length in samples of the shortest clip that the network can process."""
        return self.pooling_stride

    @property
    def exportable(self) -> bool:
        """Whether `classify(standardise(x))` computes the logits of clips x of the trained length, as exports need."""
        return self.trained_length is not None and type(self).forward_fitted is Model.forward_fitted

    @property
    def has_representation(self) -> bool:
        """Whether the model implements `encode`, so that `represent` works."""
        return type(self).encode is not Model.encode

    @classmethod
    def check(cls, settings: Any) -> None:
        """Check that the model can be built from these settings. By default, build it.

        Raises:
            StaanetError: If a setting is invalid.
        """
        cls(settings)

    @classmethod
    def identity(cls, settings: Any) -> dict[str, Any]:
        """Return the architecture's settings that differ from their defaults.

        A trained model is identified by these values together with its labels, trained length, seed and training.
        """
        shared = {field.name for field in dataclasses.fields(ModelSettings)} - {"dimensions"}
        own = [field for field in dataclasses.fields(settings) if field.name not in shared]
        return {
            field.name: to_jsonable(getattr(settings, field.name))
            for field in own
            if getattr(settings, field.name) != field.default
        }

    def fit_statistics(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Fit input statistics on batches of waveforms and lengths before training. By default, do nothing."""

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`."""
        return self.forward_fitted(*self.fit_length(waveforms, lengths))

    def represent(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the representations `[B, D]` of waveforms `[B, T]`: the activations before the classification head.

        Raises:
            StaanetError: If the model does not implement `encode`.
        """
        return self.forward_fitted(*self.fit_length(waveforms, lengths), self.encode)

    def fit_length(self, waveforms: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return waveforms repeated or cut to the trained length, if the model has one, and their lengths."""
        if lengths is None:
            lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        if self.trained_length is None:
            return waveforms, lengths
        return fit_length(waveforms, lengths, self.trained_length), torch.full_like(lengths, self.trained_length)

    def check_lengths(self, lengths: Tensor) -> None:
        """Check that no clip is shorter than the network can process.

        Raises:
            StaanetError: If a clip has fewer than `min_samples` samples.
        """
        if int(lengths.min()) < self.min_samples:
            raise StaanetError(
                f"expected clips of {self.min_samples} samples or more for {self.name}, got {int(lengths.min())}; "
                "set seconds, to which clips are repeated, or remove the short clips"
            )

    def forward_fitted(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:  # noqa: ARG002
        """Return the logits `[B, K]` of waveforms `[B, T]` without repeating or cutting them.

        Args:
            waveforms: Clips `[B, T]`, zero beyond their lengths.
            lengths: Valid samples of each clip, `[B]`.
            network: Function applied to the standardised waveforms. Default: `classify`.
        """
        return (network or self.classify)(standardise(waveforms))

    @abc.abstractmethod
    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""

    def encode(self, waveforms: Tensor) -> Tensor:  # noqa: ARG002
        """Return the representations `[B, D]` of standardised waveforms `[B, trained_length]`.

        Raises:
            StaanetError: If the model does not implement `encode`.
        """
        raise StaanetError(f"expected a model with a representation, {self.name} has none; write its method encode")


class HasFeatures(Model):
    """A model that classifies a clip by a fixed number of features, which can be attacked instead of the waveform.

    A subclass sets `grid` and `feature_bounds` and implements the three methods. `FeatureView` then classifies
    features, and the evaluation measures how far an attack moved them.
    """

    grid: tuple[int, int]
    """Features of a clip as rows (such as frequency bands) and frames."""
    feature_bounds: Tensor
    """Smallest and largest feature of the clips in `fit_statistics`, `[2]`; infinite before."""

    @abc.abstractmethod
    def features(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the features `[B, rows * frames]` of waveforms `[B, T]`, row after row."""

    @abc.abstractmethod
    def decide(self, features: Tensor) -> Tensor:
        """Return the logits `[B, K]` of features `[B, rows * frames]`."""

    @abc.abstractmethod
    def sound(self, features: Tensor) -> Tensor:
        """Return features `[rows * frames]` of one clip as a waveform `[T]` with peak 1, for listening.

        Raises:
            StaanetError: If the features cannot be inverted.
        """
