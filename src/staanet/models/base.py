"""What a model is: a network that classifies waveforms as they lie in their files."""

import abc
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from staanet.audio.lengths import fit_length, standardise
from staanet.core.errors import StaanetError
from staanet.core.signature import to_jsonable

Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class ModelSettings:
    """What a model is built from.

    Args:
        labels: the emotions, in the order of the logits.
        seconds: the length it is trained on; every clip is repeated or cut to it. None, where a model can: none is.
        sample_rate: of its input, in Hz.
    """

    labels: tuple[str, ...]
    seconds: float | None = 3.0
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        """Refuse what no classifier can be built from."""
        check_labels(self.labels)
        check_seconds(self.seconds, self.sample_rate)


def check_labels(labels: Sequence[str]) -> None:
    """Refuse labels between which nothing can be decided.

    Raises:
        StaanetError: fewer than two, or two alike.
    """
    if len(labels) < 2 or len(set(labels)) != len(labels):
        raise StaanetError(f"expected two or more different labels, got {list(labels)}")


def check_seconds(seconds: float | None, sample_rate: int) -> None:
    """Refuse a trained length that is none.

    Raises:
        StaanetError: less than a sample, or without end.
    """
    if seconds is None or not 1 <= seconds * sample_rate < float("inf"):
        raise StaanetError(f"expected a trained length of a sample or more, got {seconds} s")


class Model(nn.Module, abc.ABC):
    """A classifier of waveforms that owns its preprocessing.

    Inside `forward` each clip is repeated or cut to the trained length and standardised, so that an attack acts on the
    samples of the file itself, and its gradient comes back to them. A subclass writes `classify` and `encode`; one that
    hears clips as long as they are, or standardises them in another way, `hear` as well.

    Shape: waveforms `[B, T]` in [-1, 1] and lengths `[B]` (all of T where left out) -> logits `[B, K]`.
    """

    name: ClassVar[str]
    pooling_stride: ClassVar[int]
    """Samples per step of what follows the convolutions: the product of their strides or of the pooling strides."""
    preset: ClassVar[str] = "default"
    """The training that is its default, by name."""
    packages: ClassVar[tuple[str, ...]] = ()
    """What its numbers depend on beside the library's own dependencies."""
    Settings = ModelSettings

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.labels = settings.labels
        self.sample_rate = settings.sample_rate
        self.trained_length = None if settings.seconds is None else round(settings.seconds * settings.sample_rate)
        if self.trained_length is not None and self.trained_length < self.min_samples:
            raise StaanetError(
                f"expected a trained length of {self.min_samples} samples or more for {self.name}, "
                f"got {self.trained_length}; raise seconds"
            )

    @property
    def min_samples(self) -> int:
        """Samples of the shortest clip that it can hear."""
        return self.pooling_stride

    @classmethod
    def check(cls, settings: Any) -> None:
        """Refuse settings that it cannot be built from, before any work: here by building it.

        Raises:
            StaanetError: one of them is wrong.
        """
        cls(settings)

    @classmethod
    def identity(cls, settings: Any) -> dict[str, Any]:
        """Return what decides its weights beside labels, length, seed and training: settings of its own, as changed."""
        shared = {field.name for field in dataclasses.fields(ModelSettings)}
        own = [field for field in dataclasses.fields(settings) if field.name not in shared]
        return {
            field.name: to_jsonable(getattr(settings, field.name))
            for field in own
            if getattr(settings, field.name) != field.default
        }

    def fit_statistics(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Take from clips, in batches of waveforms and lengths, what it has to know before it learns: nothing, here."""

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`."""
        return self.forward_fitted(*self.fit_length(waveforms, lengths))

    def represent(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the representations `[B, D]` of waveforms `[B, T]`: what comes before the head.

        Raises:
            StaanetError: a model of one's own that has no `encode`.
        """
        return self.forward_fitted(*self.fit_length(waveforms, lengths), self.encode)

    def fit_length(self, waveforms: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return waveforms repeated or cut to the trained length, where there is one, and their lengths."""
        if lengths is None:
            lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        if self.trained_length is None:
            return waveforms, lengths
        return fit_length(waveforms, lengths, self.trained_length), torch.full_like(lengths, self.trained_length)

    def forward_fitted(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:  # noqa: ARG002
        """Return the logits `[B, K]` of waveforms `[B, T]` that are neither repeated nor cut any more.

        `network` is what they go through once they are standardised: `classify` where left out.
        """
        return (network or self.classify)(standardise(waveforms))

    @abc.abstractmethod
    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""

    def encode(self, waveforms: Tensor) -> Tensor:  # noqa: ARG002
        """Return the representations `[B, D]` of standardised waveforms `[B, trained_length]`."""
        raise StaanetError(f"expected a model with a representation, {self.name} has none; write its method encode")
