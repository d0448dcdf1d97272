"""Conversion of what users have at hand, such as NumPy arrays and lists, to the tensors that the library works with."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.core.waveforms import BOUNDS, check_waveforms

Numbers = Tensor | np.ndarray[Any, Any] | Sequence[Any]
"""Numbers that can be converted to a tensor."""


def as_waveforms(
    waveforms: Numbers, lengths: Numbers | None = None, bounds: tuple[float, float] = BOUNDS
) -> tuple[Tensor, Tensor]:
    """Return clips as checked float32 waveforms `[B, T]` and their lengths `[B]`.

    Args:
        waveforms: Floating-point samples `[B, T]` of any precision, as a tensor, an array or nested lists.
        lengths: Number of valid samples of each clip, `[B]` (default: T for every clip).
        bounds: Lowest and highest value that a sample may have (default: full scale).

    Raises:
        StaanetError: The clips are not such waveforms.

    >>> waveforms, lengths = as_waveforms(np.array([[0.5, -0.5]]))
    >>> waveforms.dtype, lengths
    (torch.float32, tensor([2]))
    """
    clips = _as_tensor(waveforms, "waveforms [B, T]; pad clips of different lengths with zeros and give their lengths")
    if clips.is_floating_point():
        clips = clips.to(torch.float32)
    if lengths is not None:
        lengths = _as_integers(lengths, "integer lengths [B] in samples").to(clips.device)
    return clips, check_waveforms(clips, lengths, bounds)


def as_labels(labels: Numbers, clips: int, device: torch.device) -> Tensor:
    """Return class numbers as a tensor of int64, `[B]`.

    Args:
        labels: Class numbers of any integer type, as a tensor, an array or a list.
        clips: Number of clips B.
        device: Device of the result.

    Raises:
        StaanetError: There is not one class number per clip.

    >>> as_labels([2, 0], 2, torch.device("cpu"))
    tensor([2, 0])
    """
    numbers = _as_integers(labels, f"integer labels [{clips}]")
    if numbers.shape != (clips,):
        raise StaanetError(f"expected integer labels [{clips}], got {list(numbers.shape)}; give one number per clip")
    return numbers.to(device)


def check_classes(labels: Tensor, classes: int) -> None:
    """Check that labels `[B]` are numbers of classes.

    Raises:
        StaanetError: A label is not in 0..classes - 1, or there is only one class.
    """
    if classes < 2:
        raise StaanetError(f"expected a model of two or more classes [B, K], got logits [{len(labels)}, {classes}]")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise StaanetError(
            f"expected labels in 0..{classes - 1}, got {labels.tolist()}; check the order of the classes, and that the "
            "labels belong to this model"
        )


def _as_integers(values: Numbers, expected: str) -> Tensor:
    numbers = _as_tensor(values, expected)
    if numbers.numel() and (numbers.is_floating_point() or numbers.is_complex()):
        raise StaanetError(f"expected {expected}, got {numbers.dtype} {list(numbers.shape)}; convert them to integers")
    return numbers.to(torch.int64)


def _as_tensor(values: Numbers, expected: str) -> Tensor:
    """Return values as a tensor that autograd can work with."""
    try:
        if not isinstance(values, Tensor):
            return torch.from_numpy(np.array(values))
    except (TypeError, ValueError) as error:
        raise StaanetError(f"expected {expected}, got {type(values).__name__}") from error
    return values.clone() if values.is_inference() else values
