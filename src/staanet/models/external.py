"""Models from elsewhere: any callable from waveforms to logits, with labels and a sampling rate."""

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from staanet.audio.front_ends.excerpt import Excerpt
from staanet.core.classifier import as_classifier
from staanet.core.errors import StaanetError
from staanet.core.signature import LATER
from staanet.core.unwrapping import attribute, modules_of, takes_lengths
from staanet.models.base import Access, Model, ModelSettings, Network, check_dimensions, check_outputs

Fill = Literal["repeat", "zeros"]
Crop = Literal["start", "centre"]
Outputs = Literal["logits", "probabilities"]

SMALLEST = 1e-12
"""Smallest probability; its logarithm is the lowest logit of a model that returns probabilities."""


@dataclass(frozen=True)
class Framing:
    """How a clip becomes the input of a model from elsewhere, and how its output is read.

    Args:
        seconds: Length of the input in seconds, to which clips are filled or cut. Default: each clip at its own length.
        offset: Seconds that are skipped at the beginning of each clip, as by `librosa.load`. At least one sample of a
            clip remains.
        crop: Part of a longer clip that is used: its `start` or its `centre`.
        fill: How a shorter clip is filled: it is repeated (`repeat`), or followed by silence (`zeros`).
        outputs: What the model returns: `logits`, or `probabilities`, of which the logarithm is taken.
        dimensions: Names of the emotional dimensions that a model with real outputs returns, in their order, such as
            arousal, dominance, valence. Default: the model decides between emotions.
        scale: Value of such an output for the lowest and for the highest rating.
    """

    seconds: float | None = None
    offset: float = 0.0
    crop: Crop = "start"
    fill: Fill = "repeat"
    outputs: Outputs = "logits"
    dimensions: tuple[str, ...] = field(default=(), metadata=LATER)
    scale: tuple[float, float] = field(default=(0.0, 1.0), metadata=LATER)

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_dimensions(self.dimensions, self.scale)
        if not self.dimensions and self.scale != (0.0, 1.0):
            raise StaanetError(f"expected dimensions together with a scale, got {list(self.scale)} alone; name them")
        if self.dimensions and self.outputs != "logits":
            raise StaanetError(f"expected either dimensions or outputs = {self.outputs}, got both; drop one")
        if self.seconds is not None and not 0 < self.seconds < float("inf"):
            raise StaanetError(f"expected seconds above 0, got {self.seconds}; leave it out for clips of any length")
        if not 0 <= self.offset < float("inf"):
            raise StaanetError(f"expected an offset of 0 s or more, got {self.offset}")


@dataclass(frozen=True)
class ExternalSettings(ModelSettings):
    """Settings of a model from elsewhere.

    Args:
        labels: Emotions in the order of the outputs; two or more, all different.
        seconds: Length of the input in seconds, to which clips are filled or cut. None: each clip at its own length.
        sample_rate: Sampling rate of the input in Hz.
        offset: Seconds that are skipped at the beginning of each clip.
        crop: Part of a longer clip that is used: its `start` or its `centre`.
        fill: How a shorter clip is filled: `repeat` or `zeros`.
        outputs: What the model returns: `logits` or `probabilities`.
        dimensions: Names of the emotional dimensions, instead of labels, that a model with real outputs returns.
        scale: Value of such an output for the lowest and for the highest rating.
    """

    seconds: float | None = None
    offset: float = 0.0
    crop: Crop = "start"
    fill: Fill = "repeat"
    outputs: Outputs = "logits"
    scale: tuple[float, float] = field(default=(0.0, 1.0), metadata=LATER)

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_dimensions(self.dimensions, self.scale)
        check_outputs(self.labels, self.dimensions)
        if isinstance(self.sample_rate, bool) or not isinstance(self.sample_rate, int) or self.sample_rate < 1:
            raise StaanetError(f"expected a sample_rate in Hz, such as 16000, got {self.sample_rate!r}")

    def excerpt(self) -> Excerpt:
        """Return the part of a clip that is the input; its length is rounded to the nearest sample."""
        if self.seconds is None:
            return Excerpt(sr=self.sample_rate, offset=self.offset)
        samples = max(1, round(self.seconds * self.sample_rate))
        duration = (samples + 0.5) / self.sample_rate  # is rounded down to the samples
        return Excerpt(sr=self.sample_rate, offset=self.offset, duration=duration, fill=self.fill, crop=self.crop)

    @classmethod
    def framed(cls, labels: tuple[str, ...], sample_rate: int, framing: Framing) -> "ExternalSettings":
        """Return the settings of a model with labels, a sampling rate and a framing."""
        framed = {field.name: getattr(framing, field.name) for field in fields(Framing)}
        return cls(labels=labels, sample_rate=sample_rate, **framed)


class External(Model):
    """A model from elsewhere: any callable from waveforms, and optionally lengths, to one number per clip and class.

    Its answer is checked at every call. A callable that does not take lengths receives clips of one length at a time,
    so that an answer does not depend on the other clips of a batch. NumPy arrays and nested lists are converted. If the
    answer has no gradients, such as that of a scikit-learn pipeline, its `access` is `scores`, or `decision` if each
    answer is a 1 for one class and a 0 for the others.

    Args:
        function: The callable.
        settings: Its labels, sampling rate and framing.
        name: Name of the model in messages.

    Raises:
        StaanetError: If the callable fails on a clip of noise, or if its answer is not one number per clip and label.

    >>> def loudness(clips):
    ...     peak = clips.abs().amax(1)
    ...     return torch.stack([-peak, peak], 1)
    >>> model = External(loudness, ExternalSettings(labels=("quiet", "loud")), "loudness")
    >>> model.access, model(torch.ones(1, 4))
    ('gradient', tensor([[-1.,  1.]]))
    """

    name = "external"
    Settings = ExternalSettings
    settings: ExternalSettings
    pooling_stride = None  # type: ignore[assignment]  # unknown

    def __init__(self, function: Callable[..., Any], settings: ExternalSettings, name: str) -> None:
        self.name = name  # type: ignore[misc]
        nn.Module.__init__(self)
        self.settings, self.labels, self.sample_rate = settings, settings.labels, settings.sample_rate
        self.dimensions = settings.dimensions
        self._excerpt = settings.excerpt()
        self.trained_length = self._excerpt.size
        self.parts = nn.ModuleList(modules_of(function))
        self.eval()
        self._takes_lengths = takes_lengths(function) != "no"
        self._represent = attribute(function, "represent")
        self._classifier = as_classifier(function if isinstance(function, nn.Module) else _converted(function))
        self._classifier.name = name
        self.access = "gradient"
        self.access = self._found_access()

    @property
    def min_samples(self) -> int:
        """Length in samples of the shortest clip: one sample, because what the callable needs is not known."""
        return 1

    @property
    def has_representation(self) -> bool:
        """Whether the callable has a method `represent`."""
        return self._represent is not None

    @property
    def exportable(self) -> bool:
        """Whether the model can be exported: no, because it comes from elsewhere."""
        return False

    def fit_length(self, waveforms: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return waveforms without their offset, filled or cut to the length of the input, and their lengths."""
        if lengths is None:
            lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        if self.trained_length is None:
            left = lengths - torch.minimum(lengths - 1, torch.full_like(lengths, self._excerpt.start))
        else:
            left = torch.full_like(lengths, self.trained_length)
        return self._excerpt(waveforms, lengths), left

    def forward_fitted(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`, or the output of `network`."""
        answer = self._answer if network is None else _without_lengths(network)
        if self.access != "gradient":
            waveforms = waveforms.detach()
        if self._takes_lengths and network is None:
            return self._logits(answer(waveforms, lengths))
        groups = [(lengths == length).nonzero()[:, 0] for length in lengths.unique()]
        outputs = [answer(waveforms[rows, : int(lengths[rows[0]])], lengths[rows]) for rows in groups]
        joined = torch.cat(outputs)[torch.cat(groups).argsort()]
        return joined if network is not None else self._logits(joined)

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`, all of one length."""
        lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        return self._logits(self._answer(waveforms, lengths))

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the representations `[B, D]` of waveforms, if the callable has a method `represent`."""
        if self._represent is None:
            return super().encode(waveforms)
        lengths = torch.full((len(waveforms),), waveforms.shape[1], device=waveforms.device)
        return as_classifier(self._represent)(waveforms, lengths)

    def _answer(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the checked answer of the callable, whose exceptions become an error of one line."""
        try:
            return self._classifier(waveforms, lengths)
        except StaanetError:
            raise
        except Exception as error:  # a model from elsewhere can raise any exception
            line = (str(error).splitlines() or [""])[0]
            raise StaanetError(
                f"{self.name}: expected an answer to clips of {waveforms.shape[1] / self.sample_rate:g} s, got "
                f"{type(error).__name__}: {line}; give seconds, to which clips are filled or cut, if the model needs "
                "another length"
            ) from error

    def _logits(self, answer: Tensor) -> Tensor:
        """Return the answer of the callable as logits, one per label, or as shares of the scales of its dimensions."""
        if self.dimensions:
            low, high = self.settings.scale
            if answer.shape[1] != len(self.dimensions):
                raise StaanetError(
                    f"{self.name}: expected one output for each of the dimensions {', '.join(self.dimensions)}, got "
                    f"{answer.shape[1]} outputs; give the dimensions in the order of the outputs"
                )
            return (answer - low) / (high - low)
        if answer.shape[1] != len(self.labels):
            raise StaanetError(
                f"{self.name}: expected one output for each of the {len(self.labels)} labels "
                f"{', '.join(self.labels)}, got {answer.shape[1]} outputs; give the labels in the order of the outputs"
            )
        return answer if self.settings.outputs == "logits" else answer.clamp_min(SMALLEST).log()

    def _found_access(self) -> Access:
        """Call the model on a clip of noise, and return what attacks can use of its answer."""
        size = self.trained_length or self.sample_rate
        clip = torch.randn(1, size, generator=torch.Generator().manual_seed(0)) * 0.1
        lengths = torch.tensor([size])
        with torch.inference_mode(False), torch.enable_grad(), contextlib.suppress(Exception):
            logits = self.forward_fitted(clip.requires_grad_(), lengths)
            if torch.autograd.grad(logits.sum(), clip, allow_unused=True)[0] is not None:
                return "gradient"
        self.access = "scores"
        with torch.no_grad():
            logits = self.forward_fitted(clip.detach(), lengths)
        one_hot = not self.dimensions and bool(((logits == 0) | (logits == 1)).all()) and float(logits.sum()) == 1
        return "decision" if one_hot else "scores"


def _without_lengths(network: Network) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda waveforms, lengths: network(waveforms)  # noqa: ARG005


def _converted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a callable whose answer is a tensor where that of `function` is a NumPy array or a nested list."""

    @functools.wraps(function, assigned=("__doc__",), updated=())
    def converted(*args: Any, **kwargs: Any) -> Any:
        answer = function(*args, **kwargs)
        if isinstance(answer, list | np.ndarray):
            try:
                answer = torch.as_tensor(np.asarray(answer, dtype=np.float64)).float()
            except (TypeError, ValueError):
                return answer
        return answer

    return converted
