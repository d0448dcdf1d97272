"""The input of a model file: its shape, and the settings that follow from it and from the entries of the file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.models.external import ExternalSettings
from staanet.models.loaders.base import ExternalLoader
from staanet.models.loaders.python import DEFAULT_RATE

SHORTEST = 400
"""Samples of the shortest fixed input that is taken for a waveform, 25 ms at 16 kHz; shorter ones are features."""

LABELS, SAMPLE_RATE = "labels", "sample_rate"
"""Names of the entries of a model file: labels separated by commas, and the sampling rate in Hz."""


@dataclass(frozen=True)
class InputShape:
    """Shape of a model's input of waveforms: `[B, T]`, `[B, 1, T]`, or `[T]` for one clip at a time.

    Args:
        sizes: Size of each dimension; None stands for any size.

    >>> InputShape((2, 1, 16_000)).batch, InputShape((None, None)).samples
    (2, None)
    """

    sizes: tuple[int | None, ...]

    def __post_init__(self) -> None:
        """Validate the shape."""
        channel = self.sizes[1] if len(self.sizes) == 3 else 1
        too_short = len(self.sizes) > 0 and self.samples is not None and self.samples < SHORTEST
        if len(self.sizes) not in (1, 2, 3) or channel not in (1, None) or too_short:
            sizes = ", ".join("any" if size is None else str(size) for size in self.sizes)
            raise StaanetError(
                f"expected an input of waveforms [B, T], [B, 1, T] or [T], got [{sizes}], as for features; give "
                "file.py:name, a function that computes this input from waveforms and calls the model"
            )

    @property
    def samples(self) -> int | None:
        """The fixed number of samples, None if any is accepted."""
        return self.sizes[-1]

    @property
    def batch(self) -> int | None:
        """The fixed number of clips, None if any is accepted."""
        return self.sizes[0] if len(self.sizes) > 1 else 1

    def run(self, function: Callable[..., Tensor], waveforms: Tensor, *others: Tensor) -> Tensor:
        """Return the answers `[B, K]` of a function that takes inputs of this shape.

        If the batch size is fixed, the clips are given in batches of that size, and the last clip fills the last batch.

        Args:
            function: Maps waveforms of this shape, and other inputs with one row per clip, to its answers.
            waveforms: Clips `[B, T]`.
            others: Other inputs, such as the lengths `[B]`.

        >>> InputShape((2, None)).run(lambda clips: clips.sum(1, keepdim=True), torch.ones(3, 4))
        tensor([[4.],
                [4.],
                [4.]])
        """
        size = self.batch or len(waveforms)
        batches = []
        for start in range(0, len(waveforms), size):
            rows = torch.arange(start, start + size, device=waveforms.device).clamp_max(len(waveforms) - 1)
            answer = function(self._arranged(waveforms[rows]), *(other[rows] for other in others))
            batches.append(answer[None] if len(self.sizes) == 1 and answer.ndim == 1 else answer)
        return torch.cat(batches)[: len(waveforms)]

    def _arranged(self, waveforms: Tensor) -> Tensor:
        """Return waveforms `[B, T]` in this shape."""
        if len(self.sizes) == 1:
            return waveforms[0]
        return waveforms if len(self.sizes) == 2 else waveforms[:, None]


def settings_of_file(
    loader: ExternalLoader,
    title: str,
    shape: InputShape | None,
    labels: Sequence[str] = (),
    sample_rate: int | None = None,
) -> ExternalSettings:
    """Return the settings of a model file: those of the user, otherwise those in the file.

    Args:
        loader: The loader, whose fields are the settings of the user.
        title: Name of the model in messages.
        shape: Shape of its input; a fixed number of samples becomes the length of the input. None if it is not known.
        labels: Labels that the file contains, if any.
        sample_rate: Sampling rate in Hz that the file contains, if any.

    Raises:
        StaanetError: If there are no labels, or if the user gives other seconds than the fixed length.
    """
    rates = (loader.sample_rate, sample_rate, DEFAULT_RATE)
    rate = next(rate for rate in rates if rate is not None)
    framing = loader.framing
    if shape is not None and shape.samples is not None:
        if framing.seconds is not None and round(framing.seconds * rate) != shape.samples:
            raise StaanetError(
                f"{title}: expected an input of {shape.samples} samples, the only length that the model takes "
                f"({shape.samples / rate:g} s at {rate} Hz), got {framing.seconds:g} s; leave seconds out"
            )
        framing = replace(framing, seconds=shape.samples / rate)
    return ExternalSettings.framed(loader.names(labels, title), rate, framing)


def labels_of(entries: Mapping[str, str]) -> tuple[str, ...]:
    """Return the labels in the entries of a file, which are separated by commas; none if it has no such entry.

    >>> labels_of({"labels": "anger, neutral"})
    ('anger', 'neutral')
    """
    return tuple(label.strip() for label in entries.get(LABELS, "").split(",") if label.strip())


def sample_rate_of(entries: Mapping[str, str], title: str) -> int | None:
    """Return the sampling rate in Hz in the entries of a file, None if it has no such entry.

    Raises:
        StaanetError: If it is not a whole number.
    """
    text = entries.get(SAMPLE_RATE, "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise StaanetError(
            f"{title}: expected its entry sample_rate in Hz, such as 16000, got {text!r}; give sample_rate"
        )
    return int(text)
