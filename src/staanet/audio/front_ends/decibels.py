"""Decibels of spectrograms, with the numbers of librosa."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from staanet.audio.front_ends.base import check_choice, check_minimum
from staanet.core.errors import StaanetError

Reference = float | Literal["max", "min", "mean", "median"]


def _median(cells: Tensor) -> Tensor:
    """Return the median `[B]` of cells `[B, N]`; for an even N the mean of both middle cells, as in NumPy."""
    ordered, middle = cells.sort(dim=1).values, cells.shape[1] // 2
    return ordered[:, middle] if cells.shape[1] % 2 else (ordered[:, middle - 1] + ordered[:, middle]) / 2


REFERENCES: dict[str, Callable[[Tensor], Tensor]] = {
    "max": lambda cells: cells.amax(1),
    "min": lambda cells: cells.amin(1),
    "mean": lambda cells: cells.mean(1),
    "median": _median,
}
"""Functions from the cells of each clip `[B, N]` to its value of 0 dB `[B]`."""


def decibels(values: Tensor, factor: float, ref: Reference, amin: float, top_db: float | None) -> Tensor:
    """Return `factor` times the logarithm to base 10 of the values of each clip relative to a reference.

    Args:
        values: Spectrograms of clips of one length; 0 or more.
        factor: 10 for power, 20 for amplitude.
        ref: Value of 0 dB: a number, or the `max`, `min`, `mean` or `median` of each clip.
        amin: Smallest value and smallest reference; lower ones are raised to it.
        top_db: Lower cells are raised to this distance in dB below the loudest cell of the clip. None: all are kept.

    Shape: values `[B, ...]` -> the same.

    >>> decibels(torch.tensor([[[1.0, 0.1, 0.0]]]), 10, "max", 1e-10, 80)
    tensor([[[  0., -10., -80.]]])
    """
    relative = factor * (values.clamp_min(amin).log10() - _log_reference(values, ref, amin))
    if top_db is None:
        return relative
    return torch.maximum(relative, _per_clip(relative.flatten(1).amax(1), relative) - top_db)


def _per_clip(numbers: Tensor, values: Tensor) -> Tensor:
    """Return one number per clip `[B]` in a shape that broadcasts with values `[B, ...]`."""
    return numbers.reshape(-1, *[1] * (values.ndim - 1))


def _log_reference(values: Tensor, ref: Reference, amin: float) -> Tensor | float:
    """Return the logarithm to base 10 of the value of 0 dB, for each clip or for all."""
    if not isinstance(ref, str):
        return math.log10(max(abs(ref), amin))
    reference = REFERENCES[ref](values.flatten(1))
    return _per_clip(reference.clamp_min(amin).log10(), values)


class _ToDb(nn.Module):
    """Decibels relative to a reference; subclasses set the factor of the logarithm."""

    factor: float

    def __init__(self, ref: Reference, amin: float, top_db: float | None) -> None:
        super().__init__()
        if callable(ref):
            raise StaanetError(f"expected ref as a number or a name, got {ref!r}; write ref='max' for ref=np.max")
        if isinstance(ref, str):
            check_choice("ref", ref, tuple(REFERENCES))
        if not amin > 0:
            raise StaanetError(f"expected amin above 0, got {amin}")
        if top_db is not None:
            check_minimum(0, top_db=top_db)
        self.ref, self.amin, self.top_db = ref, amin, top_db

    def forward(self, values: Tensor) -> Tensor:
        """Return decibels in the shape of the input, `[B, ...]`."""
        return decibels(values, self.factor, self.ref, self.amin, self.top_db)


class PowerToDb(_ToDb):
    """Decibels of a power spectrogram, as `librosa.power_to_db`. Silence has a finite value and gradient.

    Args:
        ref: Power of 0 dB: a number, or the `max`, `min`, `mean` or `median` of each clip.
        amin: Smallest power; lower power is raised to it.
        top_db: Lower cells are raised to this distance in dB below the loudest cell of the clip. None: all are kept.

    Shape: `[B, ...]` -> the same.

    Raises:
        StaanetError: If a setting is out of its range.

    >>> PowerToDb(ref="max")(torch.tensor([[[1.0, 0.1, 0.0]]]))
    tensor([[[  0., -10., -80.]]])
    """

    factor = 10

    def __init__(self, *, ref: Reference = 1.0, amin: float = 1e-10, top_db: float | None = 80.0) -> None:
        super().__init__(ref, amin, top_db)


class AmplitudeToDb(_ToDb):
    """Decibels of an amplitude spectrogram, as `librosa.amplitude_to_db`. Silence has a finite value and gradient.

    Args:
        ref: Amplitude of 0 dB: a number, or the `max`, `min`, `mean` or `median` of each clip.
        amin: Smallest amplitude; lower amplitudes are raised to it.
        top_db: Lower cells are raised to this distance in dB below the loudest cell of the clip. None: all are kept.

    Shape: `[B, ...]` -> the same.

    Raises:
        StaanetError: If a setting is out of its range.

    >>> AmplitudeToDb()(torch.tensor([[[1.0, 0.1]]]))
    tensor([[[  0., -20.]]])
    """

    factor = 20

    def __init__(self, *, ref: Reference = 1.0, amin: float = 1e-5, top_db: float | None = 80.0) -> None:
        super().__init__(ref, amin, top_db)
