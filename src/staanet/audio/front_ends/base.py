"""Front ends: modules from waveforms to features, which can be chained and process each clip at its own length."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from staanet.core.errors import StaanetError

Stage = Callable[[Tensor], Tensor]

Part = tuple[Tensor, Tensor]
"""Clips of one length: their rows in the batch `[b]`, and their waveforms or features `[b, ...]`."""

SMALLEST_VARIANCE = 1e-20
"""Variance below which the gradient of a standard deviation is zero instead of infinite."""

STATISTICS: dict[str, Stage] = {
    "mean": lambda features: features.mean(-1),
    "std": lambda features: features.var(-1, correction=0).clamp_min(SMALLEST_VARIANCE).sqrt(),
    "max": lambda features: features.amax(-1),
    "min": lambda features: features.amin(-1),
}
"""The statistics over frames that `Statistics` computes."""


class FrontEnd(nn.Module):
    """A differentiable module from waveforms to features. A subclass implements `features`.

    With lengths, clips of equal length are processed together and without their padding, so that each clip has exactly
    the features that it would have on its own. Frames after the end of a clip are zero.

    A front end has settings and no weights: its filters are not part of `state_dict`, so that the weights of a network
    can be loaded whether or not it contains its front end.
    """

    def features(self, waveforms: Tensor) -> Tensor:
        """Return the features of clips `[B, T]` that all have the length T."""
        raise NotImplementedError

    def stages(self) -> Sequence[Stage]:
        """Return the functions that compute the features one after the other."""
        return [self.features]

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the features of a batch.

        Args:
            waveforms: Clips in [-1, 1].
            lengths: Number of valid samples of each clip. Default: all samples.

        Shape: waveforms `[B, T]`, lengths `[B]` -> as the class says, usually `[B, features, frames]`.

        Raises:
            StaanetError: If the shapes are others, or a length is not between 1 and T.
        """
        parts = _parts(waveforms, lengths)
        for stage in self.stages():
            parts = _joined([(rows, stage(clips)) for rows, clips in parts])
        return _stacked(parts)


class Chain(FrontEnd):
    """Modules that are applied one after the other, as in `torch.nn.Sequential`, to each clip at its own length.

    Args:
        modules: Front ends and other modules, such as `PowerToDb`, in their order.

    >>> from staanet.audio.front_ends import Mfcc, Statistics
    >>> front_end = Chain(Mfcc(sr=16_000, n_mfcc=13), Statistics("mean", "std"))
    >>> front_end(torch.rand(2, 16_000), torch.tensor([16_000, 9_000])).shape
    torch.Size([2, 26])
    """

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.chained = nn.ModuleList(modules)

    def stages(self) -> Sequence[Stage]:
        """Return the modules."""
        return list(self.chained)


class Concatenate(FrontEnd):
    """Several modules that are applied to the same input; their features are concatenated.

    Args:
        modules: Front ends with the same number of frames, or modules of features such as `Deltas`.

    >>> from staanet.audio.front_ends import Deltas
    >>> Concatenate(nn.Identity(), Deltas(), Deltas(order=2))(torch.rand(1, 13, 50)).shape
    torch.Size([1, 39, 50])
    """

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.concatenated = nn.ModuleList(modules)

    def features(self, waveforms: Tensor) -> Tensor:
        """Return the features of all modules, `[B, sum of features, frames]`."""
        features = [module(waveforms) for module in self.concatenated]
        shapes = [tuple(each.shape) for each in features]
        if len({shape[2:] for shape in shapes}) > 1:
            raise StaanetError(f"expected features of as many frames each, got {shapes}; use the same hop_length")
        return torch.cat(features, dim=1)


class Statistics(nn.Module):
    """Statistics of features over all frames, as NumPy computes them.

    Args:
        names: `mean`, `std` (divided by the number of frames), `max` and `min`, in the order of the output.

    Shape: `[B, features, frames]` -> `[B, statistics * features]`.

    Raises:
        StaanetError: If there is no name, or one is unknown.

    >>> Statistics("mean", "max")(torch.tensor([[[1.0, 3.0], [0.0, 0.0]]]))
    tensor([[2., 0., 3., 0.]])
    """

    def __init__(self, *names: str) -> None:
        super().__init__()
        if not names or not set(names) <= set(STATISTICS):
            raise StaanetError(f"expected statistics among {', '.join(STATISTICS)}, got {', '.join(names) or 'none'}")
        self.names = names

    def forward(self, features: Tensor) -> Tensor:
        """Return the statistics, `[B, statistics * features]`."""
        return torch.cat([STATISTICS[name](features) for name in self.names], dim=1)


def check_minimum(minimum: float, **settings: float) -> None:
    """Check that settings are numbers of at least `minimum`."""
    for name, value in settings.items():
        if not value >= minimum:
            raise StaanetError(f"expected {name} of {minimum} or more, got {value}")


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Check that a setting is one of its choices."""
    if value not in choices:
        raise StaanetError(f"expected {name} among {', '.join(map(str, choices))}, got {value!r}")


def _parts(waveforms: Tensor, lengths: Tensor | None) -> list[Part]:
    """Return the clips of each length, without their padding."""
    if waveforms.ndim < 2 or 0 in waveforms.shape or not waveforms.is_floating_point():
        raise StaanetError(
            f"expected waveforms [B, T] of a floating-point type, got {list(waveforms.shape)} of {waveforms.dtype}; "
            "add the batch with .unsqueeze(0)"
        )
    rows, size = torch.arange(len(waveforms), device=waveforms.device), waveforms.shape[-1]
    if lengths is None:
        return [(rows, waveforms)]
    if lengths.shape != rows.shape or not 1 <= int(lengths.min()) <= int(lengths.max()) <= size:
        raise StaanetError(f"expected {len(waveforms)} lengths between 1 and {size}, got {lengths.tolist()}")
    groups = [(rows[lengths == length], int(length)) for length in lengths.unique()]
    return [(chosen, waveforms[chosen, ..., :length]) for chosen, length in groups]


def _joined(parts: list[Part]) -> list[Part]:
    """Return parts in which those of the same shape are one, such as clips that are now cut to one length."""
    shapes = dict.fromkeys(clips.shape[1:] for _, clips in parts)
    if len(shapes) == len(parts):
        return parts
    alike = [[part for part in parts if part[1].shape[1:] == shape] for shape in shapes]
    return [(torch.cat([rows for rows, _ in group]), torch.cat([clips for _, clips in group])) for group in alike]


def _stacked(parts: list[Part]) -> Tensor:
    """Return one tensor of all clips in the order of the batch, with zeros after the last frame of shorter ones."""
    if len(parts) == 1 and len(parts[0][0]) == int(parts[0][0].max()) + 1 and bool((parts[0][0].diff() > 0).all()):
        return parts[0][1]
    longest = max(features.shape[-1] for _, features in parts)
    padded = [functional.pad(features, (0, longest - features.shape[-1])) for _, features in parts]
    return torch.cat(padded)[torch.cat([rows for rows, _ in parts]).argsort()]
